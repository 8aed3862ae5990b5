//! `maciectl focus` and `maciectl cost --output csv` from the scenarios' organization.

use std::{fs, path::PathBuf};

use controller_tests::{EU, Scenario, US, scenario::account};
use local_aws::faults::{Fault, Kind};
use maciectl::{
    args::{Cli, Command, Parser},
    commands::{
        cost::{Costs, costs},
        focus::{Written, bill, write},
    },
};

/// A folder of this test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        Self(path)
    }

    /// Names of the files of a month, hidden ones too.
    fn names(&self, month: &str) -> Vec<String> {
        let files = fs::read_dir(self.0.join(format!("billing_period={month}"))).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

async fn export(
    scenario: &Scenario,
    folder: &Folder,
    more: &[&str],
) -> (Costs, Result<Vec<Written>, String>) {
    let to = folder.0.to_str().unwrap();
    let words = [&["maciectl", "focus", "--to", to][..], more].concat();
    let cli = Cli::try_parse_from(words).unwrap();
    let Command::Focus(args) = &cli.command else {
        panic!("{more:?}");
    };
    let operator = scenario.operator().await;
    let costs = costs(&operator, &cli.global, None).await.unwrap();
    let written = write(&bill(&operator).await.unwrap(), &costs, args);
    (costs, written.map_err(|error| format!("{error:#}")))
}

/// The cells of a CSV file without quotes, by row and column.
fn column(text: &str, name: &str) -> Vec<String> {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let at = header.iter().position(|found| *found == name).unwrap();
    let end = header.len() - at;
    // `ChargeDescription` has a comma; what is looked at here stands behind it.
    lines
        .map(|cells| cells[cells.len() - end].to_owned())
        .collect()
}

#[tokio::test]
async fn the_rows_are_what_cost_says_and_the_next_export_replaces_them() {
    let scenario = Scenario::enrolled().await;
    let folder = Folder::new("focus-rows");
    let (costs, written) = export(&scenario, &folder, &["--format", "csv"]).await;
    let written = written.unwrap();
    let files = [
        "macie-estimate-eu-west-1.csv",
        "macie-estimate-us-east-1.csv",
    ];
    assert_eq!(folder.names("2026-03"), files);
    assert_eq!(written.len(), 2);
    let eu = fs::read_to_string(&written[0].path).unwrap();
    let rows: usize = costs
        .usages
        .iter()
        .filter(|usage| usage.region.as_str() == EU)
        .map(|usage| usage.usd.len())
        .sum();
    assert_eq!((written[0].rows, eu.lines().count()), (rows, rows + 1));
    assert!(column(&eu, "SubAccountId").contains(&account(1)));
    assert!(column(&eu, "RegionId").iter().all(|region| region == EU));
    // The account is in its trial: monitoring is in the list price only.
    let ends = column(&eu, "x_TrialUntil");
    let monitored = column(&eu, "x_MacieUsageType");
    let monitored = monitored
        .iter()
        .map(|kind| kind == "DATA_INVENTORY_EVALUATION");
    assert!(monitored.eq(ends.iter().map(|end| !end.is_empty())));

    let (_, again) = export(&scenario, &folder, &["--format", "csv"]).await;
    assert_eq!(fs::read_to_string(&again.unwrap()[0].path).unwrap(), eu);
    scenario.turn("P2D");
    let (_, later) = export(&scenario, &folder, &["--format", "csv"]).await;
    assert_ne!(fs::read_to_string(&later.unwrap()[0].path).unwrap(), eu);
    assert_eq!(folder.names("2026-03"), files);
    scenario.turn("P30D");
    let (_, april) = export(&scenario, &folder, &["--format", "csv"]).await;
    assert!(april.is_ok());
    assert_eq!(
        (folder.names("2026-03"), folder.names("2026-04")),
        (
            files.map(String::from).into(),
            files.map(String::from).into()
        )
    );
}

#[tokio::test]
async fn a_region_that_does_not_answer_keeps_its_file() {
    let scenario = Scenario::enrolled().await;
    let folder = Folder::new("focus-regions");
    let (_, whole) = export(&scenario, &folder, &[]).await;
    assert_eq!(whole.unwrap().len(), 2);
    let us = folder.0.join(format!(
        "billing_period=2026-03/macie-estimate-{US}.parquet"
    ));
    let before = fs::read(&us).unwrap();
    assert!(before.starts_with(b"PAR1") && before.ends_with(b"PAR1"));
    scenario.turn("P1D");
    scenario.fault(Fault::always("GetUsageStatistics", Kind::Deny).once());
    let (costs, written) = export(&scenario, &folder, &[]).await;
    let [failed] = &costs.trouble.keys().collect::<Vec<_>>()[..] else {
        panic!("{costs:?}");
    };
    let written = written.unwrap();
    assert_eq!(written.len(), 1);
    assert_ne!(&&written[0].region, failed);
    let named: Vec<String> = [EU, US]
        .map(|region| format!("macie-estimate-{region}.parquet"))
        .into();
    assert_eq!(folder.names("2026-03"), named);
}

#[tokio::test]
async fn a_folder_with_the_other_format_is_refused() {
    let scenario = Scenario::enrolled().await;
    let folder = Folder::new("focus-formats");
    let (_, written) = export(&scenario, &folder, &["--focus-version", "1.4"]).await;
    let there = written.unwrap()[0].path.display().to_string();
    let (_, refused) = export(&scenario, &folder, &["--format", "csv"]).await;
    let said = refused.unwrap_err();
    assert!(
        said.contains(&there) && said.contains("another folder"),
        "{said}"
    );
    assert_eq!(folder.names("2026-03").len(), 2);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let scenario = Scenario::enrolled().await;
    let file = Folder::new("focus-no-folder");
    fs::write(&file.0, "a file").unwrap();
    let (_, refused) = export(&scenario, &file, &[]).await;
    let said = refused.unwrap_err();
    assert!(
        said.starts_with(&format!("cannot write `{}", file.0.display())),
        "{said}"
    );
    fs::remove_file(&file.0).unwrap();
}
