//! What an operator asks about money, as the command line asks it.

use maciectl::{
    args::{By, Cli, Command, Parser},
    commands::{
        cost::{
            Costs,
            buckets::{Share, shares},
            costs, place,
        },
        estimate::{Row, rows},
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
