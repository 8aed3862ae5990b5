//! `docs/live-check.md` lists the questions as the catalogue has them.

use live_check::catalogue::{BY_HAND, QUESTIONS, expected};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/live-check.md");
const BEGIN: &str =
    "<!-- questions: compared with the catalogue by tests/live/tests/local/docs.rs -->\n";
const END: &str = "<!-- /questions -->";

#[test]
fn the_page_lists_every_question() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    let wanted = tables();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(listed, wanted, "UPDATE_DOCS=1 writes it");
}

fn tables() -> String {
    let mut text = "| question | asks | we assume |\n| --- | --- | --- |\n".to_owned();
    for question in &QUESTIONS {
        let (id, asks) = (question.id, question.asks);
        text.push_str(&format!("| `{id}` | {asks} | {} |\n", expected(question)));
    }
    text.push_str("\n| look by hand | how |\n| --- | --- |\n");
    for (what, how) in BY_HAND {
        text.push_str(&format!("| {what} | {how} |\n"));
    }
    text
}
