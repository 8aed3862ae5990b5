//! What is said of an account: how a report ended, what is unknown and why, what a person can do. Each
//! value by itself, for larger tests look at the world and pass over the words.

use std::collections::{BTreeMap, BTreeSet};

use controller_core::{
    check::{Invariant, Violation, check},
    decide::{
        breaker::counts,
        budget::{Budget, Month, caps},
        decide,
    },
    estimate::{Amount, Progress, Range, Sized, Unknown, Volume, to_pay},
    id::{BucketName, JobId},
    money::{Usd, gigabytes, monitoring_per_month},
    observed::{
        APPROVED, Approval, BucketReading, BucketSize, Census, ErrorClass, Evidence, Fact, JobKind,
        JobStatus, Member, Membership, OPTED_OUT_SINCE, Observed, Trouble,
    },
    plan::{Action, Blocked, Note, Plan, Step, Waiting, Why},
    policy::{Cap, Caps, OverBudget},
    published::published,
    report::{Change, ChangeKind, Failure, Outcome, Report},
    sweep::{Seen, Skip},
    wants::Read,
};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde_json::json;

use crate::{
    scenarios::steady,
    world::{World, bucket, hours},
};

fn of_class(operation: &'static str, class: ErrorClass) -> Trouble {
    Trouble {
        operation,
        class,
        message: "Said".to_owned(),
    }
}

fn report(notes: &[Note]) -> Report {
    let world = World::new();
    let mut report = Report::new(world.scope, world.now);
    report.notes = notes.to_vec();
    report
}

#[test]
fn a_report_ends_with_the_worst_that_it_met() {
    let waits = Note::Waiting(Waiting::MemberEnabling);
    let blocked = Note::Blocked(Blocked::NoEmail);
    let step = Step {
        action: Action::SuspendMember,
        why: Why::Excluded,
        cost: Default::default(),
    };
    let changed = |mut report: Report| {
        report.changes.push(Change::of(&step, None));
        report
    };
    assert_eq!(report(&[]).outcome(), Outcome::Unchanged);
    assert_eq!(changed(report(&[])).outcome(), Outcome::Changed);
    let waiting = [waits.clone()];
    assert_eq!(changed(report(&waiting)).outcome(), Outcome::Waiting);
    let both = report(&[waits, blocked]);
    assert_eq!(both.outcome(), Outcome::Blocked);
    let mut failed = both.clone();
    failed.failures.push(Failure {
        summary: String::new(),
        trouble: of_class("test", ErrorClass::Other),
    });
    let mut violated = both.clone();
    violated.violation = Some(Violation {
        invariant: Invariant::JobUnique,
        step: String::new(),
    });
    let mut unsettled = both;
    unsettled.unsettled = true;
    for report in [failed, violated, unsettled] {
        assert_eq!(report.outcome(), Outcome::Failed);
    }
}

#[test]
fn the_same_is_waited_for_once() {
    let mut report = report(&[]);
    report.wait(Waiting::MemberEnabling);
    report.wait(Waiting::Census);
    report.wait(Waiting::MemberEnabling);
    assert_eq!(report.waiting().count(), 2);
}

#[test]
fn a_report_knows_what_it_could_not_read_and_what_is_held() {
    let trouble = of_class("test", ErrorClass::Denied);
    let unreadable = Note::Blocked(Blocked::Unreadable {
        trouble: trouble.clone(),
    });
    let retried = Note::Waiting(Waiting::Retry { trouble });
    let held = Note::Blocked(Blocked::CircuitBreaker {
        suspended: 3,
        due: 1,
        limit: 3,
        window: "PT1H".to_owned(),
    });
    for (notes, unread, is_held) in [
        (vec![], false, false),
        (vec![unreadable], true, false),
        (vec![retried], true, false),
        (vec![held], false, true),
        (vec![Note::Blocked(Blocked::NoEmail)], false, false),
    ] {
        let report = report(&notes);
        assert_eq!(report.is_unread(), unread, "{notes:?}");
        assert_eq!(report.is_held_by_circuit_breaker(), is_held, "{notes:?}");
    }
}

#[test]
fn a_change_means_what_its_reason_says() {
    let tag = |key: &str| Action::TagMember {
        tags: [(key.to_owned(), String::new())].into(),
    };
    let untag = || Action::UntagMember {
        keys: [OPTED_OUT_SINCE.to_owned()].into(),
    };
    let spent = Why::OverBudget {
        spent: Default::default(),
        cap: Default::default(),
    };
    for (action, why, kind) in [
        (
            tag(OPTED_OUT_SINCE),
            Why::NoneLeft,
            ChangeKind::SuspensionPending,
        ),
        (
            tag(OPTED_OUT_SINCE),
            Why::RememberGap,
            ChangeKind::AccountMarked,
        ),
        (tag("managed-by"), Why::Adopted, ChangeKind::AccountAdopted),
        (tag("paused"), spent, ChangeKind::AccountMarked),
        (untag(), Why::RememberGap, ChangeKind::AccountMarked),
        (untag(), Why::WithinBudget, ChangeKind::AccountMarked),
        (untag(), Why::BackInTime, ChangeKind::SuspensionCancelled),
        (untag(), Why::CaughtUp, ChangeKind::AccountCaughtUp),
    ] {
        let cost = Default::default();
        let change = Change::of(&Step { action, why, cost }, None);
        assert_eq!(change.kind, kind, "{change:?}");
    }
    let left = Step {
        action: Action::ResumeMember,
        why: Why::BucketLeft {
            bucket: bucket("payments"),
        },
        cost: Default::default(),
    };
    assert_eq!(Change::of(&left, None).buckets, [bucket("payments")].into());
}

#[test]
fn whoever_is_blocked_is_told_what_to_do() {
    let unreadable = |class| {
        let trouble = of_class("test", class);
        Blocked::Unreadable { trouble }.fix()
    };
    assert!(unreadable(ErrorClass::NotEnabled).contains("enable-macie"));
    assert!(unreadable(ErrorClass::Denied).contains("member role"));
    assert!(unreadable(ErrorClass::Other).contains("until this can be read"));
    assert!(Blocked::NoEmail.fix().contains("AWS Organizations"));
}

#[test]
fn a_pass_says_why_it_leaves_an_account_out() {
    let names = [
        (Skip::NotActive, "not-active"),
        (Skip::RegionDisabled, "region-disabled"),
        (Skip::Excluded, "excluded"),
        (Skip::NothingPending, "nothing-pending"),
    ];
    for (skip, name) in names {
        assert_eq!(skip.name(), name);
    }
}

/// Time heals these, and no others: a sweep that comes again in 30 s would not help those.
#[test]
fn what_may_pass_is_waited_for_and_what_may_not_blocks() {
    use ErrorClass::{
        Conflict, Denied, Invalid, NotEnabled, NotFound, Other, Throttled, Transient,
    };
    for class in [Throttled, Conflict, Transient] {
        assert!(class.passes(), "{class:?}");
        assert!(matches!(
            unread_jobs(class)[..],
            [Note::Waiting(Waiting::Retry { .. })]
        ));
    }
    for class in [Denied, Invalid, NotEnabled, NotFound, Other] {
        assert!(!class.passes(), "{class:?}");
        assert!(matches!(
            unread_jobs(class)[..],
            [Note::Blocked(Blocked::Unreadable { .. })]
        ));
    }
}

/// What is decided when the jobs cannot be read.
fn unread_jobs(class: ErrorClass) -> Vec<Note> {
    let world = steady(&["payments"]);
    let mut observed = world.observe_all(&BTreeSet::new());
    observed.jobs = Fact::Unknown(of_class("macie2:ListClassificationJobs", class));
    decide(&world.policy, &observed, world.now).notes
}

/// An observation of buckets alone.
fn seen(buckets: &[(&str, Fact<BucketReading>)], index: &[&str], listing: &[&str]) -> Observed {
    let names = |names: &[&str]| Fact::Known(names.iter().map(|name| bucket(name)).collect());
    let hints = buckets.iter().map(|(name, _)| bucket(name)).collect();
    let mut observed = World::new().unread(&hints);
    let buckets = buckets
        .iter()
        .map(|(name, fact)| (bucket(name), fact.clone()));
    observed.buckets = buckets.collect();
    observed.index = names(index);
    observed.listing = names(listing);
    observed
}

#[test]
fn an_event_asks_when_its_bucket_does_or_cannot_be_read() {
    let asks = |fact| seen(&[("payments", fact)], &[], &[]).hints_ask();
    assert!(asks(Fact::Known(BucketReading::OptedIn)));
    assert!(asks(Fact::Unknown(of_class("test", ErrorClass::Denied))));
    assert!(!asks(Fact::Known(BucketReading::NotOptedIn)));
    assert!(!asks(Fact::Unread));
}

/// A bucket that is denied belongs to somebody else only if neither list has it.
#[test]
fn a_denied_bucket_is_refuted_only_when_nothing_names_it() {
    let denied = || Fact::Unknown(of_class("s3:GetBucketTagging", ErrorClass::Denied));
    let slow = || Fact::Unknown(of_class("s3:GetBucketTagging", ErrorClass::Throttled));
    let evidence = |fact, index: &[&str], listing: &[&str]| {
        seen(&[("payments", fact)], index, listing).evidence()
    };
    assert_eq!(evidence(denied(), &[], &[]), Evidence::NoneLeft);
    assert_eq!(evidence(denied(), &["payments"], &[]), Evidence::Indexed);
    assert!(matches!(
        evidence(denied(), &[], &["payments"]),
        Evidence::Unknown(_)
    ));
    assert!(matches!(evidence(slow(), &[], &[]), Evidence::Unknown(_)));
    let elsewhere = || Fact::Known(BucketReading::Elsewhere);
    assert_eq!(evidence(elsewhere(), &[], &[]), Evidence::NoneLeft);
    assert_eq!(
        evidence(elsewhere(), &[], &["payments"]),
        Evidence::Unproven
    );
}

#[test]
fn one_trouble_of_each_kind_is_told() {
    let trouble = |operation, class| Fact::Unknown(of_class(operation, class));
    let mut observed = seen(
        &[
            ("one", trouble("s3:GetBucketTagging", ErrorClass::Transient)),
            ("two", trouble("s3:GetBucketTagging", ErrorClass::Transient)),
            (
                "three",
                trouble("s3:GetBucketTagging", ErrorClass::Throttled),
            ),
        ],
        &[],
        &[],
    );
    observed.listing = Fact::Unknown(of_class("s3:ListBuckets", ErrorClass::Transient));
    let told = observed.troubles();
    let told: Vec<_> = told.iter().map(|one| (one.operation, one.class)).collect();
    let expected = [
        ("s3:GetBucketTagging", ErrorClass::Throttled),
        ("s3:GetBucketTagging", ErrorClass::Transient),
        ("s3:ListBuckets", ErrorClass::Transient),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_list_counts_when_it_shows_the_same_absence() {
    let world = World::new();
    let account = &world.scope.account;
    let member = |since: &str| Member {
        status: controller_core::observed::Relationship::Enabled,
        tags: BTreeMap::from([(OPTED_OUT_SINCE.to_owned(), since.to_owned())]),
        updated_at: None,
    };
    let census = |member| Census {
        members: 1,
        leaving: BTreeMap::from([(account.clone(), member)]),
    };
    let own = member("2026-03-01T00:00:00Z");
    assert!(counts(&census(own.clone()), account, &own));
    assert!(!counts(
        &census(member("2026-02-01T00:00:00Z")),
        account,
        &own
    ));
    assert!(!counts(&Census::default(), account, &own));
}

#[test]
fn a_plan_that_passed_says_what_it_holds() {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world.sweep();
    let checked = |world: &World| {
        let observed = world.observe_all(&BTreeSet::new());
        let plan = decide(&world.policy, &observed, world.now);
        check(&world.policy, &observed, world.now, plan).unwrap()
    };
    let waiting = checked(&world);
    assert!(!waiting.suspends());
    assert!(matches!(
        waiting.notes(),
        [Note::Waiting(Waiting::Grace { .. })]
    ));
    world.advance(hours(24));
    let due = checked(&world);
    assert!(due.suspends());
    assert_eq!(due.steps().len(), 1);
}

#[test]
fn a_broken_invariant_names_the_step() {
    let world = steady(&["payments"]);
    let observed = world.observe_all(&BTreeSet::new());
    let mut plan = Plan::new(world.scope.clone());
    plan.steps.push(Step {
        action: Action::SuspendMember,
        why: Why::Excluded,
        cost: Default::default(),
    });
    let violation = check(&world.policy, &observed, world.now, plan).unwrap_err();
    assert_eq!(violation.step, "suspend member");
}

/// While an account's tag comes and goes, and only of the controller's own accounts.
#[test]
fn a_debounce_is_told_until_the_account_is_marked() {
    let told = |change: fn(&mut World)| {
        let mut world = steady(&["payments"]);
        world.untag("payments");
        world.debounced_until = Some(world.now + hours(1));
        change(&mut world);
        let observed = world.observe(&BTreeSet::new());
        let notes = decide(&world.policy, &observed, world.now).notes;
        let is_debounce = |note: &Note| matches!(note, Note::Waiting(Waiting::Debounce { .. }));
        notes.iter().any(is_debounce)
    };
    assert!(told(|_| {}));
    assert!(!told(|world| world.member_mut().tags.clear()));
    assert!(!told(|world| world.debounced_until = Some(world.now)));
    assert!(!told(|world| {
        let since = world.now.to_string();
        world
            .member_mut()
            .tags
            .insert(OPTED_OUT_SINCE.to_owned(), since);
    }));
}

#[test]
fn ids_of_jobs_have_a_length() {
    assert!("".parse::<JobId>().is_err());
    assert!("j".repeat(256).parse::<JobId>().is_ok());
    assert!("j".repeat(257).parse::<JobId>().is_err());
}

#[test]
fn an_approval_is_read_as_it_was_written() {
    let text = "250.5/2026-03-09T10:00:00Z";
    let approval = Approval::parse(text).unwrap();
    assert_eq!(approval.to_string(), text);
    for broken in ["250", "250/soon", "$250/2026-03-09T10:00:00Z", ""] {
        assert_eq!(Approval::parse(broken), None, "{broken}");
    }
}

#[test]
fn whoever_is_beyond_a_budget_is_told_both_amounts() {
    let [usd, cap] = [80, 50].map(|usd| Usd(usd.into()));
    let bucket = bucket("archive");
    let said = [
        Why::OverBudget { spent: usd, cap }.to_string(),
        Blocked::MonthOverBudget { spent: usd, cap }.to_string(),
        Blocked::FirstScanOverBudget { bucket, usd, cap }.to_string(),
    ];
    for text in &said {
        assert!(text.contains("$80.00") && text.contains("$50.00"), "{text}");
    }
    assert!(said[2].contains("archive"), "{}", said[2]);
}

#[test]
fn a_budget_that_only_warns_says_so_and_other_notes_warn_of_nothing() {
    let [usd, cap] = [80, 50].map(|usd| Usd(usd.into()));
    let bucket = bucket("archive");
    for note in [
        Note::OverBudget { spent: usd, cap },
        Note::FirstScanOverBudget { bucket, usd, cap },
    ] {
        let text = note.warning().unwrap();
        assert!(text.contains("$80.00") && text.contains("$50.00"), "{text}");
    }
    assert_eq!(Note::Waiting(Waiting::MemberEnabling).warning(), None);
}

#[test]
fn buckets_are_named() {
    let buckets = vec![bucket("archive"), bucket("ledger")];
    let said = Why::OptedIn { buckets }.to_string();
    assert_eq!(said, "archive, ledger opted in");
}

#[test]
fn a_region_that_is_off_is_not_a_trouble_to_wait_for() {
    let notes = unread_jobs(ErrorClass::RegionDisabled);
    assert_eq!(notes, [Note::Blocked(Blocked::RegionDisabled)]);
}

#[test]
fn a_report_warns_and_says_when_to_look_again() {
    let [usd, cap] = [80, 50].map(|usd| Usd(usd.into()));
    let mut report = report(&[Note::OverBudget { spent: usd, cap }]);
    let warnings: Vec<String> = report.warnings().collect();
    assert!(
        matches!(&warnings[..], [one] if one.contains("$80.00")),
        "{warnings:?}"
    );
    assert_eq!(report.look_again_in(), None);
    for hours in [3, 2, 5] {
        let until = report.at + SignedDuration::from_hours(hours);
        report.wait(Waiting::JobRate { until });
    }
    assert_eq!(report.look_again_in(), Some(SignedDuration::from_hours(2)));
}

/// The round that begins a first scan is the only one that knows how dear it was; of all else the last
/// round tells.
#[test]
fn the_warning_of_a_first_scan_outlives_its_round() {
    let [usd, cap] = [80, 50].map(|usd| Usd(usd.into()));
    let bucket = bucket("archive");
    let dear = Note::FirstScanOverBudget { bucket, usd, cap };
    let waits = Note::Waiting(Waiting::MemberEnabling);
    let mut report = report(&[]);
    report.tell(&[dear.clone(), waits.clone()]);
    assert_eq!(report.notes, [dear.clone(), waits]);
    let again = std::slice::from_ref(&dear);
    report.tell(again);
    assert_eq!(report.notes, again);
    report.tell(&[Note::Blocked(Blocked::NoEmail)]);
    assert_eq!(report.notes, [dear, Note::Blocked(Blocked::NoEmail)]);
}

#[test]
fn whose_bucket_is_held_is_told_which() {
    let [usd, cap] = [80, 50].map(|usd| Usd(usd.into()));
    let bucket = || bucket("archive");
    let unknown = |unknown| Blocked::CostUnknown {
        bucket: bucket(),
        unknown,
    };
    let unread = unknown(Unknown::NotReadable);
    let region = "ap-south-2".parse().unwrap();
    for (blocked, fix) in [
        (
            Blocked::FirstScanOverBudget {
                bucket: bucket(),
                usd,
                cap,
            },
            "maciectl approve",
        ),
        (
            Blocked::BudgetTag {
                bucket: bucket(),
                found: "five".to_owned(),
            },
            "macie:budget=25",
        ),
        (unknown(Unknown::Prices(region)), "`prices`"),
        (unread, "AWSServiceRoleForAmazonMacie"),
        (unknown(Unknown::OverQuota), "another account"),
        (unknown(Unknown::NotSeen), "next sweep"),
    ] {
        assert_eq!(blocked.bucket(), Some(&bucket()), "{blocked}");
        assert!(blocked.fix().contains(fix), "{blocked}: {}", blocked.fix());
        assert!(!blocked.to_string().contains("five"), "no value of a tag");
        let mut report = report(&[Note::Blocked(blocked)]);
        report.wanted = true;
        let told = published(&report).remove(0);
        assert_eq!(told.detail["buckets"], json!(["archive"]));
    }
    assert_eq!(Blocked::NoEmail.bucket(), None);
}

/// Why a daily job is made: there was none, or somebody cancelled the one that was right.
#[test]
fn a_daily_job_is_made_anew_for_a_reason() {
    let why = |world: &World| {
        let observed = world.observe_all(&BTreeSet::new());
        let plan = decide(&world.policy, &observed, world.now);
        plan.steps.into_iter().find_map(|step| match step.action {
            Action::CreateJob(job) if matches!(job.kind, JobKind::Daily { .. }) => Some(step.why),
            _ => None,
        })
    };
    let mut world = steady(&["payments"]);
    assert_eq!(why(&world), None);
    let daily = world.live(true)[0].id.clone();
    world.set_status(&daily, JobStatus::Cancelled);
    assert_eq!(why(&world), Some(Why::DailyJobCancelled));
    world.policy.jobs.sampling_percentage = 50;
    assert_eq!(why(&world), Some(Why::NoDailyJob));
}

/// Whoever came back in the grace period was never away; whoever was suspended meanwhile was.
#[test]
fn the_end_of_an_absence_says_whether_anything_was_missed() {
    let why = |mut world: World| {
        for _ in 0..10 {
            let observed = world.observe_all(&[bucket("payments")].into());
            let plan = decide(&world.policy, &observed, world.now);
            for step in plan.steps {
                if matches!(&step.action, Action::UntagMember { keys } if keys.contains(OPTED_OUT_SINCE))
                {
                    return step.why;
                }
            }
            world.reconcile(&["payments"], 1);
        }
        panic!("the absence does not end");
    };
    let left = || {
        let mut world = steady(&["payments"]);
        world.untag("payments");
        world.sweep();
        world
    };
    let mut back = left();
    back.tag("payments");
    assert_eq!(why(back), Why::BackInTime);
    let mut resumed = left();
    resumed.advance(hours(25));
    resumed.sweep();
    resumed.advance(hours(1));
    resumed.tag("payments");
    assert_eq!(why(resumed), Why::RememberGap);
}

#[test]
fn a_change_is_published_whole() {
    let world = World::new();
    let buckets = vec![bucket("archive")];
    let step = Step {
        action: Action::ResumeMember,
        why: Why::OptedIn { buckets },
        cost: Default::default(),
    };
    let mut report = report(&[]);
    report
        .changes
        .push(Change::of(&step, Some("job-0".to_owned())));
    let [event] = &published(&report)[..] else {
        panic!("one event");
    };
    assert_eq!(event.detail_type, "Account Resumed");
    let detail = &event.detail;
    assert_eq!(detail["account"], world.scope.account.as_str());
    assert_eq!(detail["region"], world.scope.region.as_str());
    assert_eq!(detail["action"], "account-resumed");
    assert_eq!(detail["buckets"], json!(["archive"]));
    assert_eq!(detail["reason"]["code"], "opted-in");
    assert_eq!(detail["jobId"], "job-0");
    assert_eq!(detail.get("estimatedCost"), None);
}

#[test]
fn every_kind_of_change_and_outcome_has_words_of_its_own() {
    let meanings: BTreeSet<&str> = ChangeKind::ALL.map(ChangeKind::meaning).into();
    assert_eq!(meanings.len(), ChangeKind::ALL.len());
    assert!(meanings.iter().all(|meaning| meaning.ends_with('.')));
    for outcome in [
        Outcome::Unchanged,
        Outcome::Changed,
        Outcome::Waiting,
        Outcome::Blocked,
        Outcome::Failed,
    ] {
        assert_eq!(json!(outcome), json!(outcome.to_string()));
    }
}

/// Whoever is no member has been seen too; units that nobody asked for are not known.
#[test]
fn what_a_pass_has_seen_is_known() {
    let mut observed = World::new().unread(&BTreeSet::new());
    Seen::default().fill(&mut observed);
    assert_eq!(observed.member, Fact::Known(Membership::Stranger));
    assert_eq!(observed.jobs, Fact::Known(Vec::new()));
    assert_eq!(observed.units, Fact::Unread);
    let units = vec!["r-abcd".parse().unwrap()];
    let seen = Seen {
        units: Some(units.clone()),
        ..Seen::default()
    };
    seen.fill(&mut observed);
    assert_eq!(observed.units, Fact::Known(units));
}

/// $50 a month, of which nothing is left when $50 are spent; $100 with an approval.
#[test]
fn the_month_is_spent_at_its_cap_which_an_approval_raises() {
    let mut world = steady(&["payments"]);
    let cap = |usd: u64| Cap {
        usd: Usd(usd.into()),
        action: OverBudget::Hold,
    };
    world.policy.budgets.organization.month = Some(cap(50));
    let month = |world: &World, spent: u64| {
        let mut observed = world.observe_all(&BTreeSet::new());
        observed.spent = Fact::Known(Usd(spent.into()));
        let budget = Budget::new(&world.policy, &observed, world.now).unwrap();
        let mut plan = decide(&world.policy, &observed, world.now);
        (budget.month_cap(), budget.month(&mut plan))
    };
    let spent = |usd: u64, of: u64| Month::Spent {
        spent: Usd(usd.into()),
        cap: Usd(of.into()),
    };
    assert_eq!(month(&world, 49), (Some(cap(50)), Month::Open));
    assert_eq!(month(&world, 50), (Some(cap(50)), spent(50, 50)));
    let until = world.now + hours(1);
    let approval = format!("100/{until}");
    world
        .member_mut()
        .tags
        .insert(APPROVED.to_owned(), approval);
    assert_eq!(month(&world, 99), (Some(cap(100)), Month::Open));
    assert_eq!(month(&world, 100), (Some(cap(100)), spent(100, 100)));
    world.advance(hours(1));
    assert_eq!(month(&world, 99), (Some(cap(50)), spent(99, 50)));
}

/// A unit may have a lower cap: without the units no cap is known, rather than the organization's.
#[test]
fn without_the_units_no_cap_is_known_where_units_have_caps() {
    let mut world = steady(&["payments"]);
    let mut observed = world.observe_all(&BTreeSet::new());
    observed.units = Fact::Unread;
    assert_eq!(caps(&world.policy, &observed), Some(Caps::default()));
    let unit = "ou-abcd-11111111".parse().unwrap();
    world.policy.budgets.units.insert(unit, Caps::default());
    assert_eq!(caps(&world.policy, &observed), None);
}

/// A scan of nothing costs nothing where nobody knows a price, and everything else is unknown there.
#[test]
fn without_a_price_only_nothing_is_free() {
    let policy = World::new().policy;
    let region = || "ap-south-2".parse().unwrap();
    let some = Volume {
        low: Decimal::ZERO,
        likely: Decimal::ONE,
        high: Decimal::TEN,
    };
    let of = |volume| Amount::of(Ok(volume), &policy, &region());
    assert_eq!(of(Volume::default()), Amount::Known(Range::default()));
    assert_eq!(of(some), Unknown::Prices(region()).into());
}

#[test]
fn ranges_and_bytes_add_up() {
    let range = |low: i64, likely: i64, high: i64| Range {
        low: Usd(low.into()),
        likely: Usd(likely.into()),
        high: Usd(high.into()),
    };
    assert_eq!(range(1, 2, 3).plus(range(10, 20, 30)), range(11, 22, 33));
    assert_eq!(gigabytes(1_500_000_000), Decimal::new(15, 1));
}

#[test]
fn a_scope_is_named_by_account_and_region() {
    assert_eq!(World::new().scope.to_string(), "111122223333/eu-west-1");
}

#[test]
fn monitoring_costs_every_bucket() {
    let world = World::new();
    let usd = monitoring_per_month(&world.policy, &world.scope.region, 25);
    assert_eq!(usd.unwrap().to_string(), "$2.50");
}

/// Ahead, begun, done, and of accounts that Macie does not serve.
#[test]
fn a_first_scan_is_paid_for_once() {
    let name: BucketName = bucket("payments");
    let sizes = Fact::Known(vec![Sized {
        name: name.clone(),
        size: BucketSize {
            classifiable_bytes: Some(7_000_000_000),
            compressed_bytes: 0,
        },
        objects: Some(1_000),
        over_quota: false,
        created_at: None,
        updated_at: None,
    }]);
    let ask = |world: &World| {
        let mut observed = world.unread(&BTreeSet::new());
        for read in [Read::Member, Read::Jobs] {
            world.read(&mut observed, &read);
        }
        to_pay(&world.policy, &observed, &sizes, &name, world.now)
    };
    let mut world = World::new();
    assert_eq!(ask(&world), (Progress::Ahead, Err(Unknown::NotEnrolled)));
    world.tag("payments");
    world.sweep();
    world.advance(SignedDuration::from_mins(1));
    let seven = |low: i64| Volume {
        low: low.into(),
        likely: 7.into(),
        high: 7.into(),
    };
    assert_eq!(ask(&world), (Progress::Ahead, Ok(seven(7))));
    world.sweep();
    assert_eq!(ask(&world), (Progress::Begun, Ok(seven(0))));
    world.advance(hours(3));
    assert_eq!(ask(&world), (Progress::Done, Ok(Volume::default())));
    world.broken.insert(Read::Member);
    assert_eq!(ask(&world).1, Err(Unknown::NotRead));
    world.broken.clear();
    world.member_mut().status = controller_core::observed::Relationship::Paused;
    assert_eq!(ask(&world).1, Err(Unknown::CatchUp));
}
