//! What an operator asks about money, as the command line asks it.

use maciectl::{
    args::{By, Cli, Command, Parser, PricesCommand},
    commands::{
        cost::{
            Costs,
            buckets::{Share, shares},
            costs, place, tags,
        },
        estimate::{Row, rows},
        prices::{self, Refresh, refresh},
    },
};

use crate::Scenario;

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
        let cli = parse("cost", arguments);
        let Command::Cost(args) = &cli.command else {
            panic!("{arguments:?}");
        };
        let operator = self.operator().await;
        let mut costs = costs(&operator, &cli.global, args.account.as_ref())
            .await
            .unwrap();
        if args.by == By::Unit {
            place(&operator.controller.aws, &mut costs).await;
        }
        if let Some(key) = &args.tag {
            tags::read(&operator.controller.aws, &mut costs, key).await;
        }
        costs
    }

    /// `maciectl cost --by bucket` of an account.
    pub async fn shares(&self, account: &str) -> Vec<Share> {
        let arguments = ["--by", "bucket", "--account", account];
        let costs = self.costs(&arguments).await;
        let cli = parse("cost", &arguments);
        let Command::Cost(args) = &cli.command else {
            panic!("{arguments:?}");
        };
        let operator = self.operator().await;
        shares(&operator, &cli.global, args, &costs).await.unwrap()
    }
}

fn parse(command: &str, arguments: &[&str]) -> Cli {
    let words = ["maciectl", command].into_iter();
    Cli::try_parse_from(words.chain(arguments.iter().copied())).unwrap()
}
