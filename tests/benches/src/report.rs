//! The page, its charts and the kept results.

mod charts;
mod figures;
mod promises;
mod table;

use anyhow::{Context, Result};

use crate::{programs::root, results::Results};

/// Where everything is, below the repository.
const PAGE: &str = "docs/benchmarks.md";
const RESULTS: &str = "docs/benchmarks/results.json";

/// The kept results.
pub fn read() -> Result<Results> {
    let path = root().join(RESULTS);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

/// Keeps the results, and writes tables and charts.
pub fn write(results: &Results) -> Result<()> {
    let folder = root().join("docs/benchmarks");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(
        root().join(RESULTS),
        format!("{}\n", serde_json::to_string_pretty(results)?),
    )?;
    for (name, chart) in charts(results)? {
        std::fs::write(folder.join(format!("{name}.svg")), chart)?;
    }
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path)?;
    std::fs::write(path, filled(&page, results)?)?;
    Ok(())
}

/// Name and text of every chart.
pub fn charts(results: &Results) -> Result<Vec<(&'static str, String)>> {
    charts::all(results)
}

/// The tables, one after the other.
pub fn tables(results: &Results) -> String {
    let sections = figures::all(results);
    let texts: Vec<String> = sections
        .iter()
        .map(|(name, text)| format!("{name}\n\n{text}\n"))
        .collect();
    texts.join("\n")
}

/// The page with every table between its markers replaced: `<!-- figures: name -->` and
/// `<!-- /figures -->`.
pub fn filled(page: &str, results: &Results) -> Result<String> {
    let mut page = page.to_owned();
    for (name, text) in figures::all(results) {
        let begin = format!("<!-- figures: {name} -->\n");
        let start = page.find(&begin).with_context(|| format!("no `{begin}`"))? + begin.len();
        let rest = page.get(start..).unwrap_or_default();
        let end = start
            + rest
                .find("<!-- /figures -->")
                .context("no end of figures")?;
        page.replace_range(start..end, &format!("{text}\n"));
    }
    Ok(page)
}
