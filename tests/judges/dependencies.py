"""Judges what the project depends on, with the standard library alone.

Licences, bans and sources are those of deny.toml; the rest are promises of the architecture: the
core has no library that could reach the world, no binary that runs in AWS can link the local AWS,
and there is one TLS stack.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# Everything that the pure crate may use.
CORE = {"jiff", "rust_decimal", "serde", "serde_json", "sha2", "thiserror"}
# What runs in AWS.
LAMBDA = "controller"
NOT_IN_LAMBDA = {"local-aws", "maciectl", "axum", "clap"}
TLS = ("rustls",)


def cargo(*arguments: str) -> str:
    """Run cargo in the repository and return what it prints."""
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"cargo {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def tree(package: str, *more: str) -> Counter[str]:
    """Count the versions of every package in a package's normal dependencies."""
    arguments = ["-p", package, "-e", "normal", "--prefix", "none", "--locked", "--target", "all"]
    lines = set(cargo("tree", *arguments, "--format", "{p}", *more).splitlines())
    pairs = {tuple(line.removesuffix(" (*)").split()[:2]) for line in lines if line.strip()}
    return Counter(name for name, _ in pairs)


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Tell whether an SPDX expression can be met with the allowed licences."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    verdict, rest = _alternatives(tokens, allowed)
    if rest:
        raise ValueError(f"`{expression}` is not an SPDX expression")
    return verdict


def _alternatives(tokens: list[str], allowed: set[str]) -> tuple[bool, list[str]]:
    verdict, tokens = _conjunction(tokens, allowed)
    while tokens[:1] == ["OR"]:
        other, tokens = _conjunction(tokens[1:], allowed)
        verdict = verdict or other
    return verdict, tokens


def _conjunction(tokens: list[str], allowed: set[str]) -> tuple[bool, list[str]]:
    verdict, tokens = _licence(tokens, allowed)
    while tokens[:1] == ["AND"]:
        other, tokens = _licence(tokens[1:], allowed)
        verdict = verdict and other
    return verdict, tokens


def _licence(tokens: list[str], allowed: set[str]) -> tuple[bool, list[str]]:
    if not tokens:
        raise ValueError("a licence is missing")
    if tokens[0] == "(":
        verdict, tokens = _alternatives(tokens[1:], allowed)
        return verdict, tokens[1:]
    if tokens[1:2] == ["WITH"]:
        return " ".join(tokens[:3]) in allowed, tokens[3:]
    return tokens[0] in allowed, tokens[1:]


def licences(packages: list[dict[str, Any]], deny: dict[str, Any]) -> Iterator[str]:
    """Every dependency's licence is allowed."""
    rules = deny["licenses"]
    exceptions = {rule["crate"]: set(rule["allow"]) for rule in rules.get("exceptions", [])}
    for package in packages:
        allowed = set(rules["allow"]) | exceptions.get(package["name"], set())
        expression = package["license"]
        if not expression or not is_allowed(expression, allowed):
            yield f"{package['name']} {package['version']} is under `{expression}`"


def bans(packages: list[dict[str, Any]], deny: dict[str, Any]) -> Iterator[str]:
    """No dependency is banned, unless only those have it that its ban names."""
    names = {package["name"] for package in packages}
    for rule in deny["bans"]["deny"]:
        if rule["crate"] not in names:
            continue
        if found := depending_on(rule["crate"]) - set(rule.get("wrappers", ())):
            yield f"{rule['crate']} is banned, and {sorted(found)} have it: {rule['reason']}"


def depending_on(name: str) -> set[str]:
    """The packages that depend on a package directly."""
    arguments = ["--invert", name, "--depth", "1", "--prefix", "none", "--target", "all"]
    lines = cargo("tree", "--workspace", "--locked", "--format", "{p}", *arguments).splitlines()
    return {line.split()[0] for line in lines if line.strip()} - {name}


def sources(packages: list[dict[str, Any]], _: dict[str, Any]) -> Iterator[str]:
    """Every dependency comes from a registry, none from a repository or a path elsewhere."""
    for package in packages:
        if not package["source"].startswith("registry+"):
            yield f"{package['name']} comes from {package['source']}"


def core_is_pure(*_: Any) -> Iterator[str]:
    """The core depends on exactly what it is allowed to."""
    found = set(tree("controller-core", "--depth", "1")) - {"controller-core"}
    if found != CORE:
        yield f"more than allowed: {sorted(found - CORE)}, less: {sorted(CORE - found)}"


def lambda_is_apart(*_: Any) -> Iterator[str]:
    """The Lambda's tree has no local AWS and no command line."""
    for name in sorted(NOT_IN_LAMBDA & set(tree(LAMBDA))):
        yield f"`{LAMBDA}` depends on {name}"


def one_tls_stack(*_: Any) -> Iterator[str]:
    """The Lambda's tree has one version of Rustls."""
    found = tree(LAMBDA)
    for name in TLS:
        if found[name] != 1:
            yield f"`{LAMBDA}` has {found[name]} versions of {name}"


def the_judge_reads_expressions(*_: Any) -> Iterator[str]:
    """SPDX expressions are read as they are meant."""
    cases = {
        "MIT": True,
        "GPL-3.0": False,
        "GPL-3.0 OR MIT": True,
        "GPL-3.0/MIT": True,
        "MIT AND GPL-3.0": False,
        "MIT AND (GPL-3.0 OR ISC)": True,
        "GPL-2.0 AND MIT OR ISC": True,
        "Apache-2.0 WITH LLVM-exception": False,
    }
    for expression, expected in cases.items():
        if is_allowed(expression, {"MIT", "ISC", "Apache-2.0"}) != expected:
            yield f"`{expression}` is read as {not expected}"


CHECKS = (
    the_judge_reads_expressions,
    licences,
    bans,
    sources,
    core_is_pure,
    lambda_is_apart,
    one_tls_stack,
)


def main() -> int:
    """Run every check; the last line has the counts."""
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--locked"))
    ours = set(metadata["workspace_members"])
    packages = [package for package in metadata["packages"] if package["id"] not in ours]
    deny = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))
    failed = 0
    for check in CHECKS:
        problems = list(check(packages, deny))
        failed += bool(problems)
        print(f"{'FAILED' if problems else 'ok':6} {check.__doc__}")
        for problem in problems:
            print(f"       {problem}")
    print(f"{len(packages)} dependencies")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
