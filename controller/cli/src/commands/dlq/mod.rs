//! `dlq`: what the controller could not handle, and putting it back.

mod letter;
mod print;
mod queue;

use std::collections::BTreeSet;

use anyhow::Result;
use controller::config::Runtime;
use controller_core::{id::Region, observed::Trouble};
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use serde::Serialize;

pub use self::letter::{Envelope, Letter, Tries};
use self::queue::Queues;
use super::{CONCURRENCY, start};
use crate::{
    args::{DlqCommand, DlqListArgs, DlqRedriveArgs, Global},
    exit::Exit,
};

/// What became of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "fate")]
pub enum Fate {
    /// It is on the controller's queue again, or would be.
    Redriven,
    /// It stays, because no retry will help.
    Poison,
    /// It could not be put back.
    Failed {
        /// Why.
        trouble: Trouble,
    },
}

/// A dead letter and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// The letter.
    #[serde(flatten)]
    pub letter: Letter,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// Lists dead letters or puts them back.
pub async fn run(global: &Global, command: &DlqCommand) -> Result<Exit> {
    let runtime = start(global).await?;
    let region = global.region.as_ref();
    match command {
        DlqCommand::List(args) => {
            let letters = list(&runtime, region, args).await?;
            print::letters(global.output, &letters)?;
            Ok(Exit::Success)
        }
        DlqCommand::Redrive(args) => {
            let redriven = redrive(&runtime, region, args).await?;
            print::redriven(global.output, &redriven, args)?;
            Ok(exit(&redriven))
        }
    }
}

/// Looks at dead letters and gives them back.
pub async fn list(
    runtime: &Runtime,
    region: Option<&Region>,
    args: &DlqListArgs,
) -> Result<Vec<Letter>> {
    let queues = Queues::find(runtime).await?;
    let (mut seen, mut letters, mut others) = (BTreeSet::new(), Vec::new(), Vec::new());
    let now = runtime.controller.clock.now();
    let failed = loop {
        match queues.next(&mut seen, now).await {
            Ok(Some(page)) => {
                let wanted = |letter: &Letter| letter.is_in(args.account.as_ref(), region);
                let (mine, rest): (Vec<_>, Vec<_>) = page.into_iter().partition(wanted);
                letters.extend(mine);
                others.extend(rest);
                if letters.len() >= args.limit {
                    break None;
                }
            }
            Ok(None) => break None,
            Err(trouble) => break Some(trouble),
        }
    };
    queues.give_back(letters.iter().chain(&others)).await;
    match failed {
        Some(trouble) => Err(trouble.into()),
        None => {
            letters.truncate(args.limit);
            letters.sort_by_key(|letter| letter.sent);
            Ok(letters)
        }
    }
}

/// Puts dead letters back on the controller's queue, one by one, or shows which it would.
pub async fn redrive(
    runtime: &Runtime,
    region: Option<&Region>,
    args: &DlqRedriveArgs,
) -> Result<Vec<Redriven>> {
    let queues = Queues::find(runtime).await?;
    let (mut seen, mut all, mut kept) = (BTreeSet::new(), Vec::new(), Vec::new());
    let now = runtime.controller.clock.now();
    let bar = progress();
    let failed = loop {
        match queues.next(&mut seen, now).await {
            Ok(Some(page)) => {
                let page = serve(&queues, region, args, page, &mut kept, &bar).await;
                all.extend(page);
            }
            Ok(None) => break None,
            Err(trouble) => break Some(trouble),
        }
    };
    bar.finish_and_clear();
    queues.give_back(&kept).await;
    match failed {
        // What was put back before is told.
        Some(trouble) if all.is_empty() => Err(trouble.into()),
        Some(trouble) => {
            eprintln!("stopped: {trouble}");
            Ok(all)
        }
        None => Ok(all),
    }
}

/// One page; who is not put back is kept, to be given back when everybody was seen.
async fn serve(
    queues: &Queues<'_>,
    region: Option<&Region>,
    args: &DlqRedriveArgs,
    page: Vec<Letter>,
    kept: &mut Vec<Letter>,
    bar: &ProgressBar,
) -> Vec<Redriven> {
    let (mine, others): (Vec<_>, Vec<_>) = page
        .into_iter()
        .partition(|letter| letter.is_in(args.account.as_ref(), region));
    kept.extend(others);
    let served = stream::iter(mine).map(|letter| async move {
        let fate = match (letter.poison && !args.include_poison, args.mode.apply) {
            (true, _) => Fate::Poison,
            (false, false) => Fate::Redriven,
            (false, true) => match queues.put_back(&letter).await {
                Ok(()) => Fate::Redriven,
                Err(trouble) => Fate::Failed { trouble },
            },
        };
        Redriven { letter, fate }
    });
    let served: Vec<Redriven> = served.buffered(CONCURRENCY).collect().await;
    bar.inc(u64::try_from(served.len()).unwrap_or(0));
    let stays = |one: &&Redriven| !args.mode.apply || one.fate != Fate::Redriven;
    kept.extend(served.iter().filter(stays).map(|one| one.letter.clone()));
    served
}

/// How many were looked at; nobody knows how many there are.
fn progress() -> ProgressBar {
    ProgressBar::new_spinner().with_message("putting back")
}

/// 3 when some could not be put back, 1 when none could.
pub fn exit(redriven: &[Redriven]) -> Exit {
    let failed = |one: &&Redriven| matches!(one.fate, Fate::Failed { .. });
    let tried = redriven.iter().filter(|one| one.fate != Fate::Poison);
    match redriven.iter().filter(failed).count() {
        0 => Exit::Success,
        all if all == tried.count() => Exit::Error,
        _ => Exit::Partial,
    }
}
