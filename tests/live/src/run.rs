//! A run, from the command line to the exit code.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use controller::config::chain;

use crate::{
    answer::{self, Answer, Book, print, talk},
    args::{Action, Args, Format, Phase},
    aws::Aws,
    budget,
    catalogue::{QUESTIONS, Question, ids},
    clean, guard,
    questions::{
        self,
        days::{self, Progress},
    },
    state::State,
};

const ERROR: u8 = 1;
const PARTIAL: u8 = 3;
const USAGE: u8 = 64;

/// Parses the command line and carries it out; the exit code.
pub async fn main() -> u8 {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _closed = error.print();
            return if error.use_stderr() { USAGE } else { 0 };
        }
    };
    match run(&args).await {
        Ok(ended) => ended.tell(&args),
        Err(error) => {
            talk(&format!("error: {}", chain(error.as_ref())));
            ERROR
        }
    }
}

/// How a run has ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// The answers, of earlier phases too.
    pub answers: Vec<Answer>,
    /// What the clean-up has left, if it has.
    pub left: Option<String>,
    /// Whether there is more to come from `--phase finish`.
    pub goes_on: bool,
}

impl Ended {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match (&self.left, answer::exit_code(&self.answers)) {
            (Some(_), _) => ERROR,
            (None, 0) if self.goes_on => PARTIAL,
            (None, code) => code,
        }
    }

    fn tell(&self, args: &Args) -> u8 {
        let told = match args.output {
            Format::Table => Ok(answer::table(&self.answers)),
            Format::Json => answer::json(&self.answers),
        };
        print(&told.unwrap_or_default());
        if let Some(left) = &self.left {
            talk(&format!("error: {left}"));
        }
        self.exit_code()
    }
}

/// Carries out a command line.
pub async fn run(args: &Args) -> Result<Ended> {
    let wanted = wanted(&args.only)?;
    let aws = Aws::connect(args).await?;
    talk(&format!(
        "organization {}, administrator {}, workload account {}, {}",
        args.organization, aws.administrator, aws.workload, aws.region
    ));
    let state = State::read(&args.state_file())?;
    if let Some(state) = &state {
        state.check(args, aws.workload.as_str())?;
    }
    match (args.action, args.phase, state) {
        (Some(Action::Clean), _, state) => only_clean(&aws, args, state).await,
        (None, Some(Phase::Finish), Some(state)) => finish(&aws, args, wanted, state).await,
        (None, Some(Phase::Finish), None) => bail!(
            "there is no state file `{}`: run --phase start first",
            args.state_file().display()
        ),
        (None, _, Some(_)) => bail!(
            "`{}` is the state of a run that has not ended: run --phase finish, or `clean`",
            args.state_file().display()
        ),
        (None, _, None) => start(&aws, args, wanted).await,
    }
}

fn wanted(only: &[String]) -> Result<Vec<&'static Question>> {
    if let Some(unknown) = only.iter().find(|id| !ids().contains(&id.as_str())) {
        bail!(
            "there is no question `{unknown}`: there are {}",
            ids().join(", ")
        );
    }
    let all = QUESTIONS.iter();
    Ok(all
        .filter(|one| only.is_empty() || only.iter().any(|id| id == one.id))
        .collect())
}

async fn start(aws: &Aws, args: &Args, wanted: Vec<&'static Question>) -> Result<Ended> {
    let bound = budget::check(aws, args.phase, args.max_dollars).await?;
    talk(&format!(
        "at most ${} for {} buckets and {} days",
        bound.dollars, bound.buckets, bound.days
    ));
    guard::untouched(aws, &args.prefix).await?;
    let mut state = as_found(aws, args).await?;
    ensure!(args.yes, "nothing was done: give --yes to do it");
    // From here on a crash leaves something, so that `clean` must know how things were.
    state.write(&args.state_file())?;
    let mut book = Book::new(wanted, &[]);
    state.days = questions::ask(aws, args, &mut book).await;
    state.answers = book.answers();
    if state.days.is_some() {
        state.write(&args.state_file())?;
        talk("begun: run --phase finish in 26 hours");
        return Ok(Ended {
            answers: state.answers,
            left: None,
            goes_on: true,
        });
    }
    Ok(end(aws, args, &state).await)
}

/// How the member is found; refused if it must not change.
async fn as_found(aws: &Aws, args: &Args) -> Result<State> {
    let member = aws.member().await?;
    let macie_was_on = clean::is_on(aws).await?;
    ensure!(
        args.member_may_change || (member.is_none() && !macie_was_on),
        "{} is {member:?} as a member, and Macie is {} in it: take an account without Macie, or \
         give --member-may-change",
        aws.workload,
        if macie_was_on { "on" } else { "off" }
    );
    Ok(State {
        organization: args.organization.clone(),
        region: args.region.to_string(),
        prefix: args.prefix.clone(),
        workload: aws.workload.to_string(),
        member: member.map(|status| status.to_string()),
        macie_was_on,
        days: None,
        answers: Vec::new(),
    })
}

async fn finish(
    aws: &Aws,
    args: &Args,
    wanted: Vec<&'static Question>,
    mut state: State,
) -> Result<Ended> {
    let mut days = state
        .days
        .take()
        .context("the state file is of a run without --phase start")?;
    ensure!(args.yes, "nothing was done: give --yes to do it");
    let mut book = Book::new(wanted, &state.answers);
    let told = days::finish(aws, args, &mut days, &mut book).await;
    if let Ok(Progress::Later(at)) = told {
        talk(&format!("not yet: run --phase finish again after {at}"));
        state.answers = book.answers();
        state.days = Some(days);
        state.write(&args.state_file())?;
        return Ok(Ended {
            answers: state.answers,
            left: None,
            goes_on: true,
        });
    }
    book.close(&days::QUESTIONS, told.map(|_| ()));
    state.answers = book.answers();
    Ok(end(aws, args, &state).await)
}

/// Cleans up, whatever became of the questions.
async fn end(aws: &Aws, args: &Args, state: &State) -> Ended {
    let cleaned = match clean::clean(aws, &args.prefix, Some(state)).await {
        Ok(()) => forget(args),
        Err(error) => Err(error),
    };
    let left = cleaned.err().map(|error| chain(error.as_ref()));
    Ended {
        answers: state.answers.clone(),
        left,
        goes_on: false,
    }
}

async fn only_clean(aws: &Aws, args: &Args, state: Option<State>) -> Result<Ended> {
    ensure!(args.yes, "nothing was done: give --yes to do it");
    clean::clean(aws, &args.prefix, state.as_ref()).await?;
    if state.is_some() {
        forget(args)?;
    }
    talk("clean");
    Ok(Ended {
        answers: Vec::new(),
        left: None,
        goes_on: false,
    })
}

fn forget(args: &Args) -> Result<()> {
    let file = args.state_file();
    std::fs::remove_file(&file).with_context(|| format!("cannot remove `{}`", file.display()))
}
