//! What an operator asks about money, as the command line asks it.

use controller::{
    aws::{Aws, base_config},
    config::{Endpoint, Settings},
};
use local_aws::iam;
use maciectl::{
    args::{Cli, Command, CostArgs, Parser, PricesCommand},
    commands::{
        cost::{
            Costs,
            bill::{self, Beside, beside_by},
            buckets::{Share, shares},
            read,
        },
        estimate::{Row, rows},
        prices::{self, Refresh, refresh},
    },
    exit::Exit,
};
use serde_json::Value;

use crate::Scenario;

/// What `maciectl cost --bill` says.
#[derive(Debug)]
pub struct Billed {
    /// Both sides, or why not.
    pub beside: Result<Beside, String>,
    /// As JSON.
    pub document: Value,
    /// How it ends.
    pub exit: Exit,
}

impl Scenario {
    /// `maciectl estimate` with these arguments.
    pub async fn estimate(&self, arguments: &[&str]) -> Result<Vec<Row>, String> {
        let cli = parse("estimate", arguments);
        let Command::Estimate(args) = &cli.command else {
            panic!("{arguments:?}");
        };
        let operator = self.operator().await;
        let rows = rows(&operator, &self.policy(), &cli.global, args).await;
        rows.map_err(|error| format!("{error:#}"))
    }

    /// `maciectl prices` with these arguments.
    pub fn prices(&self, arguments: &[&str]) -> Vec<prices::Row> {
        let cli = parse("prices", arguments);
        let Command::Prices(args) = &cli.command else {
            panic!("{arguments:?}");
        };
        prices::known(&self.policy(), &cli.global, args.all_regions).unwrap()
    }

    /// `maciectl prices refresh` with these arguments.
    pub async fn refresh(&self, arguments: &[&str]) -> Result<Refresh, String> {
        let cli = parse("prices", &[&["refresh"], arguments].concat());
        let Command::Prices(args) = &cli.command else {
            panic!("{arguments:?}");
        };
        let Some(PricesCommand::Refresh(args)) = &args.command else {
            panic!("{arguments:?}");
        };
        let operator = self.operator().await;
        let found = refresh(&operator, &self.policy(), &cli.global, args.all_regions).await;
        found.map_err(|error| format!("{error:#}"))
    }

    /// `maciectl cost` with these arguments.
    pub async fn costs(&self, arguments: &[&str]) -> Costs {
        self.try_costs(arguments).await.unwrap()
    }

    /// The same, or why not.
    pub async fn try_costs(&self, arguments: &[&str]) -> Result<Costs, String> {
        let cli = parse("cost", arguments);
        let costs = read(&self.operator().await, &cli.global, cost_args(&cli)).await;
        costs.map_err(|error| format!("{error:#}"))
    }

    /// `maciectl cost --bill` with these arguments, the bill asked for by an account's own administrator.
    pub async fn billed(&self, payer: &str, arguments: &[&str]) -> Billed {
        let cli = parse("cost", &[&["--bill"], arguments].concat());
        let operator = self.operator().await;
        let args = cost_args(&cli);
        let costs = read(&operator, &cli.global, args).await.unwrap();
        let payer = self.account(payer).await;
        let beside = beside_by(&payer, &operator, &cli.global, args, &costs).await;
        Billed {
            document: bill::document(&costs, &beside, self.now()),
            exit: bill::exit(&costs, &beside),
            beside: beside.map_err(|error| format!("{error:#}")),
        }
    }

    /// AWS as an account's own administrator.
    async fn account(&self, id: &str) -> Aws {
        let home = self.policy().home_region;
        let settings = Settings {
            region: Some(home.to_string()),
            endpoint: Some(Endpoint {
                url: self.sandbox.local.endpoint(),
                access_key_id: iam::access_key(id),
                secret_access_key: iam::SECRET.to_owned(),
                http_client: None,
            }),
            ..Settings::default()
        };
        let clock = self.sandbox.runtime.controller.clock.clone();
        let config = base_config(&settings, &clock, &self.tuning).await;
        Aws::as_caller(config, &home, "none", clock).await.unwrap()
    }

    /// `maciectl cost --by bucket` of an account.
    pub async fn shares(&self, account: &str) -> Vec<Share> {
        let arguments = ["--by", "bucket", "--account", account];
        let costs = self.costs(&arguments).await;
        let cli = parse("cost", &arguments);
        let operator = self.operator().await;
        let shares = shares(&operator, &cli.global, cost_args(&cli), &costs).await;
        shares.unwrap()
    }
}

fn cost_args(cli: &Cli) -> &CostArgs {
    match &cli.command {
        Command::Cost(args) => args,
        other => panic!("{other:?}"),
    }
}

fn parse(command: &str, arguments: &[&str]) -> Cli {
    let words = ["maciectl", command].into_iter();
    Cli::try_parse_from(words.chain(arguments.iter().copied())).unwrap()
}
