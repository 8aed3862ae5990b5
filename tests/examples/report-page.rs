//! Prints the report of a made-up organization: so many accounts, and with `silent` a Region that
//! does not answer. The judge of pages looks at it.

use controller_tests::report::Sample;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let accounts = arguments.first().map_or(20, |count| count.parse().unwrap());
    let sample = Sample::of(accounts).with_budgets();
    let sample = match arguments.get(1).map(String::as_str) {
        Some("silent") => sample.with_a_silent_region(),
        _ => sample,
    };
    sample.page().write(std::io::stdout().lock())
}
