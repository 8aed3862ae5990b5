"""Tools of npm, installed below the build's folder as their lock files say."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import world


@cache
def installed(source: Path) -> Path:
    """Where the packages that a folder's lock file names are; no script of theirs has run."""
    folder = world.target_folder() / f"judges-{source.name}"
    lock = (source / "package-lock.json").read_text()
    stamp = folder / "installed"
    if not stamp.is_file() or stamp.read_text() != lock:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
        stamp.write_text(lock)
    return folder
