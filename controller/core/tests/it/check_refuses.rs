//! Good plans, each spoiled in one thing, and the invariant that must refuse it.

use std::collections::{BTreeMap, BTreeSet};

use controller_core::{
    check::{Invariant, check},
    decide::decide,
    id::BucketName,
    money::Usd,
    observed::{
        APPROVED, AccountState, BucketReading, Fact, JobKind, JobStatus, Member, Membership,
        OPTED_OUT_SINCE, Observed, Relationship, SUSPENSION_RELEASED, Standing, UNSCANNED,
        of_paused_key, paused_key,
    },
    plan::{Action, JobSpec, Plan, Step, Why},
    policy::{Cap, Caps, OverBudget, Policy},
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    scenarios::steady,
    world::{World, bucket, hours, trouble},
};

/// A plan and all that it is checked against.
struct Case {
    policy: Policy,
    observed: Observed,
    now: Timestamp,
    plan: Plan,
}

impl Case {
    fn of(world: &World) -> Self {
        let observed = world.observe_all(&BTreeSet::new());
        let plan = decide(&world.policy, &observed, world.now);
        assert!(!plan.steps.is_empty());
        Self {
            policy: world.policy.clone(),
            observed,
            now: world.now,
            plan,
        }
    }

    fn member(&mut self) -> &mut Member {
        match &mut self.observed.member {
            Fact::Known(Membership::Member(member)) => member,
            other => panic!("{other:?}"),
        }
    }

    fn tag(&mut self, key: &str, value: impl ToString) {
        self.member().tags.insert(key.to_owned(), value.to_string());
    }

    fn jobs(&mut self) -> &mut Vec<controller_core::observed::Job> {
        match &mut self.observed.jobs {
            Fact::Known(jobs) => jobs,
            other => panic!("{other:?}"),
        }
    }

    fn spec(&mut self) -> &mut JobSpec {
        let steps = self.plan.steps.iter_mut();
        let specs = steps.filter_map(|step| match &mut step.action {
            Action::CreateJob(spec) => Some(spec),
            _ => None,
        });
        specs.last().unwrap()
    }

    fn replace(&mut self, action: Action) {
        self.plan.steps[0].action = action;
        self.plan.steps.truncate(1);
    }

    fn read(&mut self, name: &str, reading: Fact<BucketReading>) {
        self.observed.buckets.insert(bucket(name), reading);
    }
}

fn enrol() -> World {
    let mut world = World::new();
    world.tag("payments");
    world
}

fn jobs() -> World {
    let mut world = enrol();
    world.sweep();
    world.advance(hours(1));
    world
}

fn mark() -> World {
    let mut world = steady(&["payments"]);
    world.untag("payments");
    world
}

fn suspend() -> World {
    let mut world = mark();
    world.sweep();
    world.advance(hours(24));
    world
}

fn resume() -> World {
    let mut world = suspend();
    world.sweep();
    world.advance(hours(48));
    world.tag("payments");
    world
}

fn record() -> World {
    let mut world = resume();
    world.reconcile(&[], 1);
    world
}

fn catch_up() -> World {
    let mut world = record();
    world.reconcile(&[], 1);
    world.member_mut().tags.remove(OPTED_OUT_SINCE);
    world
}

fn unmark() -> World {
    let mut world = mark();
    world.sweep();
    world.tag("payments");
    world
}

fn duplicate() -> World {
    let mut world = steady(&["payments"]);
    let mut second = world.jobs[0].clone();
    second.job.id = "double".parse().unwrap();
    second.job.created_at = world.now;
    world.jobs.push(second);
    world
}

fn adopt() -> World {
    let mut world = steady(&["payments"]);
    world
        .policy
        .accounts
        .adopted
        .insert(world.scope.account.clone());
    world.member_mut().tags.clear();
    world
}

fn left_baseline() -> World {
    let mut world = jobs();
    world.tag("ledger");
    world.sweep();
    world.untag("ledger");
    world
}

fn within() -> World {
    let mut world = jobs();
    world.policy.budgets.organization = caps("50", "1000", OverBudget::Hold);
    world
}

/// The month is spent, and the daily job's mark is not written yet.
fn over() -> World {
    let mut world = steady(&["payments"]);
    world.policy.budgets.organization = caps("50", "1", OverBudget::Pause);
    world
}

/// The mark is written.
fn marked() -> World {
    let mut world = over();
    world.reconcile(&[], 1);
    world
}

/// The job is paused, and the month has turned.
fn turned() -> World {
    let mut world = marked();
    world.sweep();
    world.advance(hours(24 * 30));
    world
}

/// It was resumed.
fn resumed() -> World {
    let mut world = turned();
    world.reconcile(&[], 1);
    world
}

/// A world in which something good is decided.
type Good = fn() -> World;

const GOOD: [(&str, Good); 16] = [
    ("enrol", enrol),
    ("jobs", jobs),
    ("mark", mark),
    ("suspend", suspend),
    ("resume", resume),
    ("record", record),
    ("catch up", catch_up),
    ("unmark", unmark),
    ("duplicate", duplicate),
    ("adopt", adopt),
    ("left baseline", left_baseline),
    ("within budget", within),
    ("over budget", over),
    ("marked", marked),
    ("turned", turned),
    ("resumed", resumed),
];

type Spoil = fn(&mut Case);
type Spoiled = (Good, &'static str, Spoil, Invariant);

#[rustfmt::skip]
fn spoiled() -> Vec<Spoiled> {
    use Invariant::*;
    vec![
        (enrol, "another Region", |c| c.policy.regions = ["us-east-1".parse().unwrap()].into(), PlaceGoverned),
        (enrol, "another account", |c| c.plan.scope.account = "999999999999".parse().unwrap(), PlaceObserved),
        (enrol, "the same twice", |c| c.plan.steps.push(c.plan.steps[0].clone()), OncePerPlan),
        (unmark, "a tag removed twice", |c| c.plan.steps.push(c.plan.steps[0].clone()), OncePerPlan),
        (jobs, "a bucket in two jobs", |c| {
            let mut twice = c.plan.steps.last().unwrap().clone();
            if let Action::CreateJob(spec) = &mut twice.action { spec.buckets = set(&["payments", "ledger"]); respec(spec); }
            c.read("ledger", Fact::Known(BucketReading::OptedIn));
            c.plan.steps.push(twice);
        }, OncePerPlan),
        (jobs, "two jobs with one token", |c| {
            let mut twin = c.plan.steps.last().unwrap().clone();
            if let Action::CreateJob(spec) = &mut twin.action {
                let token = spec.client_token.clone();
                spec.buckets = set(&["ledger"]);
                respec(spec);
                spec.client_token = token;
            }
            c.read("ledger", Fact::Known(BucketReading::OptedIn));
            c.plan.steps.push(twin);
        }, OncePerPlan),
        (enrol, "the administrator", |c| c.observed.administrator = c.observed.scope.account.clone(), MemberNotAdministrator),
        (suspend, "the administrator", |c| c.observed.administrator = c.observed.scope.account.clone(), MemberNotAdministrator),
        (enrol, "a member already", |c| c.observed.member = enabled(), MemberStateLegal),
        (enrol, "an unknown member", |c| c.observed.member = Fact::Unknown(trouble("test")), MemberStateLegal),
        (resume, "enabled", |c| c.member().status = Relationship::Enabled, MemberStateLegal),
        (suspend, "paused", |c| c.member().status = Relationship::Paused, MemberStateLegal),
        (suspend, "an unknown status", |c| c.member().status = Relationship::Unknown("New".into()), MemberStateLegal),
        (mark, "removed", |c| c.member().status = Relationship::Removed, MemberStateLegal),
        (unmark, "paused", |c| c.member().status = Relationship::Paused, MemberStateLegal),
        (suspend, "somebody else's member", |c| _ = c.member().tags.remove("managed-by"), MemberOwned),
        (resume, "somebody else's member", |c| c.tag("managed-by", "hand"), MemberOwned),
        (mark, "somebody else's member", |c| c.tag("managed-by", "hand"), MemberOwned),
        (unmark, "somebody else's member", |c| c.tag("managed-by", "hand"), MemberOwned),
        (adopt, "not adopted", |c| c.policy.accounts.adopted.clear(), MemberOwned),
        (enrol, "only the index asks", |c| c.observed.buckets.clear(), EnrolAsked),
        (enrol, "a near miss", |c| c.read("payments", Fact::Known(BucketReading::NearMiss { found: "Macie=true".into() })), EnrolAsked),
        (enrol, "excluded", |c| _ = c.policy.accounts.excluded.insert(c.observed.scope.account.clone()), EnrolAsked),
        (enrol, "units unknown", |c| { _ = c.policy.organizational_units.excluded.insert("ou-abcd-1".parse().unwrap()); c.observed.units = Fact::Unread }, EnrolAsked),
        (resume, "nobody asks", |c| c.read("payments", Fact::Known(BucketReading::NotOptedIn)), EnrolAsked),
        (enrol, "not active", |c| c.observed.account = inside(AccountState::Other("SUSPENDED".into())), EnrolAdmissible),
        (enrol, "outside", |c| c.observed.account = Fact::Known(Standing::Outside), EnrolAdmissible),
        (enrol, "the management account", |c| c.observed.management = Fact::Known(c.observed.scope.account.clone()), EnrolAdmissible),
        (enrol, "management unknown", |c| c.observed.management = Fact::Unread, EnrolAdmissible),
        (enrol, "another address", |c| create(c, "other@example.com", &[("managed-by", "macie-self-service")]), EnrolAdmissible),
        (enrol, "not marked as owned", |c| create(c, crate::world::EMAIL, &[]), EnrolAdmissible),
        (enrol, "a foreign tag", |c| create(c, crate::world::EMAIL, &[("managed-by", "macie-self-service"), ("team", "x")]), EnrolAdmissible),
        (resume, "no record", |c| _ = c.member().tags.remove(OPTED_OUT_SINCE), ResumeOnRecord),
        (resume, "a record from the future", |c| c.tag(OPTED_OUT_SINCE, c.now + hours(1)), ResumeOnRecord),
        (suspend, "a bucket opted in", |c| c.read("payments", Fact::Known(BucketReading::OptedIn)), SuspendProven),
        (suspend, "a bucket elsewhere in the listing opted in", |c| c.read("unlisted", Fact::Known(BucketReading::OptedIn)), SuspendProven),
        (suspend, "a bucket unread", |c| _ = c.observed.buckets.remove(&bucket("payments")), SuspendProven),
        (suspend, "a bucket unknown", |c| c.read("payments", Fact::Unknown(trouble("test"))), SuspendProven),
        (suspend, "no listing", |c| c.observed.listing = Fact::Unread, SuspendProven),
        (suspend, "half a listing", |c| c.observed.listing = Fact::Unknown(trouble("test")), SuspendProven),
        (suspend, "no index", |c| c.observed.index = Fact::Unknown(trouble("test")), SuspendProven),
        (suspend, "an indexed bucket that the listing misses", |c| c.observed.index = Fact::Known(set(&["brand-new"])), SuspendProven),
        (suspend, "a hinted bucket that the listing misses", |c| c.observed.hints = set(&["brand-new"]), SuspendProven),
        (suspend, "mandatory", |c| _ = c.policy.accounts.mandatory.insert(c.observed.scope.account.clone()), SuspendProven),
        (suspend, "a mandatory unit that is unknown", |c| { _ = c.policy.organizational_units.mandatory.insert("ou-abcd-1".parse().unwrap()); c.observed.units = Fact::Unread }, SuspendProven),
        (mark, "a bucket opted in", |c| c.read("payments", Fact::Known(BucketReading::OptedIn)), SuspendProven),
        (suspend, "a second too early", |c| c.now -= SignedDuration::from_secs(1), SuspendAfterGrace),
        (suspend, "no mark", |c| _ = c.member().tags.remove(OPTED_OUT_SINCE), SuspendAfterGrace),
        (suspend, "an unreadable mark", |c| c.tag(OPTED_OUT_SINCE, "yesterday"), SuspendAfterGrace),
        (suspend, "a mark from the future", |c| c.tag(OPTED_OUT_SINCE, c.now + hours(1)), SuspendAfterGrace),
        (suspend, "resumed an hour ago", |c| c.member().updated_at = Some(c.now - hours(1)), SuspendAfterGrace),
        (suspend, "a longer grace", |c| c.policy.grace_period = hours(25), SuspendAfterGrace),
        (mark, "in the past", |c| c.replace(tag(OPTED_OUT_SINCE, c.now - hours(30))), SuspendAfterGrace),
        (suspend, "too many already", |c| suspended(c, 3), SuspendWithinBreaker),
        (suspend, "none allowed", |c| { c.policy.circuit_breaker.max_suspensions = 0; c.policy.circuit_breaker.max_percent = 0 }, SuspendWithinBreaker),
        (suspend, "too many due within the hour", |c| due(c, 3), SuspendWithinBreaker),
        (suspend, "a list from before it left", older_list, SuspendWithinBreaker),
        (suspend, "a release of another absence", |c| { suspended(c, 3); release(c, "2020-01-01T00:00:00Z") }, SuspendWithinBreaker),
        (suspend, "no census", |c| c.observed.census = Fact::Unread, SuspendWithinBreaker),
        (mark, "a foreign tag", |c| c.replace(tag("team", "x")), TagsOwnKeys),
        (mark, "no tag", |c| c.replace(Action::TagMember { tags: BTreeMap::new() }), TagsOwnKeys),
        (mark, "a mark that nobody can read", |c| c.replace(tag(OPTED_OUT_SINCE, "yesterday")), TagsOwnKeys),
        (record, "a record that nobody can read", |c| c.replace(tag(UNSCANNED, "long")), TagsOwnKeys),
        (record, "a record from the future", |c| c.replace(tag(UNSCANNED, format!("{}/{}", c.now, c.now + hours(1)))), TagsOwnKeys),
        (adopt, "another owner", |c| c.replace(tag("managed-by", "me")), TagsOwnKeys),
        (unmark, "the ownership", |c| c.replace(Action::UntagMember { keys: ["managed-by".to_owned()].into() }), TagsOwnKeys),
        (unmark, "no tag", |c| c.replace(Action::UntagMember { keys: BTreeSet::new() }), TagsOwnKeys),
        (jobs, "another account", |c| c.spec().account = "999999999999".parse().unwrap(), JobInPlace),
        (jobs, "a suspended account", |c| c.member().status = Relationship::Paused, JobInPlace),
        (jobs, "excluded", |c| _ = c.policy.accounts.excluded.insert(c.observed.scope.account.clone()), JobInPlace),
        (jobs, "a bucket not read", |c| { c.spec().buckets = set(&["payments", "ledger"]); respec(c.spec()) }, JobOnlyOptedIn),
        (jobs, "no bucket", |c| { c.spec().buckets.clear(); respec(c.spec()) }, JobOnlyOptedIn),
        (jobs, "too many buckets", |c| {
            let names: BTreeSet<BucketName> = (0..1_001).map(|n| bucket(&format!("b-{n}"))).collect();
            for name in &names { c.observed.buckets.insert(name.clone(), Fact::Known(BucketReading::OptedIn)); }
            c.spec().buckets = names;
            respec(c.spec());
        }, JobOnlyOptedIn),
        (jobs, "nothing opted in for the daily job", |c| { c.plan.steps.truncate(1); c.observed.buckets.clear() }, JobOnlyOptedIn),
        (jobs, "a daily job with buckets", |c| { c.plan.steps.truncate(1); c.spec().buckets = set(&["payments"]) }, JobOnlyOptedIn),
        (catch_up, "a bucket that is not opted in", |c| c.read("payments", Fact::Known(BucketReading::NotOptedIn)), JobOnlyOptedIn),
        (jobs, "a daily job lives", |c| exists(c, 0), JobUnique),
        (jobs, "the bucket has a baseline", |c| exists(c, 1), JobUnique),
        (jobs, "a person paused a daily job", |c| { exists(c, 0); c.jobs()[0].kind = JobKind::Daily { spec: "old".into() }; c.jobs()[0].status = JobStatus::UserPaused }, JobUnique),
        (jobs, "a daily job of a status that nobody knows", |c| { exists(c, 0); c.jobs()[0].kind = JobKind::Daily { spec: "old".into() }; c.jobs()[0].status = JobStatus::Unknown("NEW".into()) }, JobUnique),
        (jobs, "created three times today", |c| { for n in 0..3 { exists(c, 0); c.jobs()[n].status = JobStatus::Cancelled } }, JobUnique),
        (catch_up, "it is being caught up with", |c| exists(c, 0), JobUnique),
        (jobs, "jobs unknown", |c| c.observed.jobs = Fact::Unknown(trouble("test")), JobUnique),
        (jobs, "another tag", |c| c.spec().tag.key = "pii".into(), JobAsPolicy),
        (jobs, "other settings", |c| c.spec().settings = crate::world::make::other_settings(&c.policy.jobs), JobAsPolicy),
        (jobs, "another name", |c| c.spec().name = "mine".into(), JobAsPolicy),
        (jobs, "no token", |c| c.spec().client_token.clear(), JobAsPolicy),
        (jobs, "a name that hides what is in it", |c| { c.read("ledger", Fact::Known(BucketReading::OptedIn)); c.spec().buckets = set(&["payments", "ledger"]) }, JobAsPolicy),
        (jobs, "a daily job of another policy", |c| {
            c.plan.steps.truncate(1);
            let kind = JobKind::Daily { spec: "000000000000".into() };
            c.spec().name = controller_core::job_name::of(&c.observed.scope.account, &kind);
            c.spec().kind = kind;
        }, JobAsPolicy),
        (duplicate, "a strange job", |c| cancel(c, &["strange"]), CancelOwnLiveJob),
        (duplicate, "paused by a person", |c| c.jobs().last_mut().unwrap().status = JobStatus::UserPaused, CancelOwnLiveJob),
        (duplicate, "an unknown status", |c| c.jobs().last_mut().unwrap().status = JobStatus::Unknown("NEW".into()), CancelOwnLiveJob),
        (duplicate, "over already", |c| c.jobs().last_mut().unwrap().status = JobStatus::Cancelled, CancelOwnLiveJob),
        (duplicate, "jobs unknown", |c| c.observed.jobs = Fact::Unread, CancelOwnLiveJob),
        (duplicate, "both daily jobs", |c| cancel(c, &["job-0", "double"]), CancelNotMissed),
        (duplicate, "for one of which nobody knows whether it scans", |c| c.jobs()[0].status = JobStatus::Unknown("NEW".into()), CancelNotMissed),
        (left_baseline, "all buckets still opted in", |c| c.read("ledger", Fact::Known(BucketReading::OptedIn)), CancelNotMissed),
        (within, "the month spent", |c| c.observed.spent = usd("1000"), JobWithinBudget),
        (within, "nobody knows what is spent", |c| c.observed.spent = Fact::Unknown(trouble("test")), JobWithinBudget),
        (within, "a dear bucket", |c| c.policy.budgets.organization = caps("1.99", "1000", OverBudget::Hold), JobWithinBudget),
        (within, "a bucket of unknown size", |c| c.observed.sizes.clear(), JobWithinBudget),
        (within, "no prices", |c| { c.policy.own_prices.clear(); c.plan.steps.remove(0); }, JobWithinBudget),
        (within, "a budget of the bucket", |c| budget_tag(c, "1"), JobWithinBudget),
        (within, "a budget of the bucket that is no amount", |c| budget_tag(c, "$50"), JobWithinBudget),
        (within, "a cap of the account", |c| _ = c.policy.budgets.accounts.insert(c.observed.scope.account.clone(), caps("1", "1000", OverBudget::Hold)), JobWithinBudget),
        (within, "a cap of its unit", |c| _ = c.policy.budgets.units.insert("r-abcd".parse().unwrap(), caps("50", "0", OverBudget::Hold)), JobWithinBudget),
        (within, "an approval that has ended", |c| { c.observed.spent = usd("1000"); c.tag(APPROVED, format!("5000/{}", c.now)) }, JobWithinBudget),
        (over, "money is left", |c| c.observed.spent = usd("0.99"), PauseOverBudget),
        (over, "nobody knows what is spent", |c| c.observed.spent = Fact::Unread, PauseOverBudget),
        (over, "a policy that only holds", |c| c.policy.budgets.organization = caps("50", "1", OverBudget::Hold), PauseOverBudget),
        (over, "an approval", |c| c.tag(APPROVED, format!("5000/{}", c.now + hours(1))), PauseOverBudget),
        (over, "a mark from the past", |c| c.replace(tag(&paused_key(&"job-0".parse().unwrap()), c.now - hours(1))), PauseOverBudget),
        (over, "a strange job", |c| c.replace(tag(&paused_key(&"strange".parse().unwrap()), c.now)), PauseOverBudget),
        (over, "paused by a person", |c| c.jobs()[0].status = JobStatus::UserPaused, PauseOverBudget),
        (over, "somebody else's member", |c| c.tag("managed-by", "hand"), MemberOwned),
        (marked, "no mark", |c| c.member().tags.retain(|key, _| of_paused_key(key).is_none()), PauseOverBudget),
        (marked, "an old mark", |c| c.now += hours(1), PauseOverBudget),
        (marked, "money is left", |c| c.observed.spent = usd("0.99"), PauseOverBudget),
        (marked, "over already", |c| c.jobs()[0].status = JobStatus::Cancelled, PauseOverBudget),
        (marked, "somebody else's member", |c| c.tag("managed-by", "hand"), MemberOwned),
        (turned, "no mark", |c| c.member().tags.retain(|key, _| of_paused_key(key).is_none()), ResumeOwnPause),
        (turned, "paused again by a person", |c| c.jobs()[0].paused_at = Some(c.now), ResumeOwnPause),
        (turned, "a pause that was announced and never seen", |c| { let at = c.now - hours(1); c.tag(&paused_key(&"job-0".parse().unwrap()), at) }, ResumeOwnPause),
        (turned, "the month spent", |c| c.observed.spent = usd("1"), ResumeOwnPause),
        (turned, "nobody knows what is spent", |c| c.observed.spent = Fact::Unknown(trouble("test")), ResumeOwnPause),
        (turned, "units unknown", |c| { _ = c.policy.budgets.units.insert("r-abcd".parse().unwrap(), caps("9", "9", OverBudget::Pause)); c.observed.units = Fact::Unread }, ResumeOwnPause),
        (turned, "somebody else's member", |c| c.tag("managed-by", "hand"), MemberOwned),
        (turned, "the mark goes first", |c| c.replace(Action::UntagMember { keys: [paused_key(&"job-0".parse().unwrap())].into() }), ResumeOwnPause),
        (resumed, "jobs unknown", |c| c.observed.jobs = Fact::Unread, ResumeOwnPause),
        (left_baseline, "the bucket unread", |c| _ = c.observed.buckets.remove(&bucket("ledger")), CancelNotMissed),
    ]
}

fn caps(first_scan: &str, month: &str, action: OverBudget) -> Caps {
    let cap = |usd, action| {
        let usd = Usd::budget(usd).unwrap();
        Some(Cap { usd, action })
    };
    Caps {
        first_scan: cap(first_scan, OverBudget::Hold),
        month: cap(month, action),
    }
}

fn usd(text: &str) -> Fact<Usd> {
    Fact::Known(Usd::budget(text).unwrap())
}

fn budget_tag(case: &mut Case, text: &str) {
    let tags = &mut case.observed.budget_tags;
    tags.insert(bucket("payments"), text.to_owned());
}

fn set(names: &[&str]) -> BTreeSet<BucketName> {
    names.iter().map(|name| bucket(name)).collect()
}

fn tag(key: &str, value: impl ToString) -> Action {
    Action::TagMember {
        tags: [(key.to_owned(), value.to_string())].into(),
    }
}

fn enabled() -> Fact<Membership> {
    Fact::Known(Membership::Member(Member {
        status: Relationship::Enabled,
        tags: BTreeMap::new(),
        updated_at: None,
    }))
}

fn inside(state: AccountState) -> Fact<Standing> {
    Fact::Known(Standing::Inside {
        email: crate::world::EMAIL.to_owned(),
        state,
    })
}

fn create(case: &mut Case, email: &str, tags: &[(&str, &str)]) {
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    case.replace(Action::CreateMember {
        email: email.to_owned(),
        tags: tags.collect(),
    });
}

/// Puts members on the list, as if they had been suspended five minutes ago.
fn suspended(case: &mut Case, n: usize) {
    let at = case.now - SignedDuration::from_mins(5);
    others(case, n, Relationship::Paused, Some(at), BTreeMap::new());
}

/// Puts members on the list that are due in an hour.
fn due(case: &mut Case, n: usize) {
    let since = case.now - case.policy.grace_period + hours(1);
    let ownership = case.policy.ownership.clone();
    let tags = BTreeMap::from([
        (ownership.key, ownership.value),
        (OPTED_OUT_SINCE.to_owned(), since.to_string()),
    ]);
    others(case, n, Relationship::Enabled, None, tags);
}

fn others(
    case: &mut Case,
    n: usize,
    status: Relationship,
    updated_at: Option<Timestamp>,
    tags: BTreeMap<String, String>,
) {
    let Fact::Known(census) = &mut case.observed.census else {
        return;
    };
    for number in 0..n {
        let account = format!("{:012}", 700_000_000_000 + number);
        let member = Member {
            status: status.clone(),
            tags: tags.clone(),
            updated_at,
        };
        census.leaving.insert(account.parse().unwrap(), member);
    }
}

/// The list as it was before the account left.
fn older_list(case: &mut Case) {
    if let Fact::Known(census) = &mut case.observed.census {
        census.leaving.clear();
    }
}

fn release(case: &mut Case, since: &str) {
    let tags = &mut case.member().tags;
    tags.insert(SUSPENSION_RELEASED.to_owned(), since.to_owned());
}

fn cancel(case: &mut Case, jobs: &[&str]) {
    let steps = jobs.iter().map(|job| Step {
        action: Action::CancelJob {
            job: job.parse().unwrap(),
            kind: JobKind::Daily {
                spec: String::new(),
            },
        },
        why: Why::Replaced,
        cost: Default::default(),
    });
    case.plan.steps = steps.collect();
}

/// Names a baseline after its buckets.
fn respec(spec: &mut JobSpec) {
    spec.kind = JobKind::Baseline {
        spec: controller_core::job_name::buckets_spec(&spec.buckets),
    };
    spec.name = controller_core::job_name::of(&spec.account, &spec.kind);
    spec.client_token = format!("{}/x", spec.name);
}

/// The job of a step is there already.
fn exists(case: &mut Case, step: usize) {
    let Action::CreateJob(spec) = case.plan.steps[step].action.clone() else {
        panic!()
    };
    let created_at = case.now;
    case.jobs().push(controller_core::observed::Job {
        id: "there".parse().unwrap(),
        name: spec.name,
        kind: spec.kind,
        status: JobStatus::Running,
        created_at,
        paused_at: None,
        buckets: spec.buckets,
    });
}

#[test]
fn every_good_plan_passes() {
    for (name, world) in GOOD {
        let case = Case::of(&world());
        let checked = check(&case.policy, &case.observed, case.now, case.plan);
        assert!(checked.is_ok(), "{name}: {checked:?}");
    }
}

/// Members of somebody else may be marked as they like: they are not suspended, and do not count.
#[test]
fn the_circuit_breaker_counts_the_controllers_members_only() {
    let mut case = Case::of(&suspend());
    due(&mut case, 3);
    let ownership = case.policy.ownership.key.clone();
    if let Fact::Known(census) = &mut case.observed.census {
        let own = case.observed.scope.account.clone();
        let others = census.leaving.iter_mut().filter(|(id, _)| **id != own);
        others.for_each(|(_, member)| drop(member.tags.remove(&ownership)));
    }
    let checked = check(&case.policy, &case.observed, case.now, case.plan);
    assert!(checked.is_ok(), "{checked:?}");
}

/// Jobs are created beyond a cap that warns, and what was paused goes on when the policy only holds.
#[test]
fn a_spent_month_forbids_what_its_action_says_and_no_more() {
    for (world, action) in [
        (within as Good, OverBudget::Warn),
        (turned, OverBudget::Hold),
    ] {
        let mut case = Case::of(&world());
        assert!(!case.plan.steps.is_empty());
        case.policy.budgets.organization = caps("50", "1", action);
        case.observed.spent = usd("1000");
        let checked = check(&case.policy, &case.observed, case.now, case.plan);
        assert!(checked.is_ok(), "{action:?}: {checked:?}");
    }
}

#[test]
fn every_spoiled_plan_is_refused_for_its_reason() {
    for (world, what, spoil, expected) in spoiled() {
        let mut case = Case::of(&world());
        spoil(&mut case);
        let refused = check(&case.policy, &case.observed, case.now, case.plan.clone());
        let found = refused.err().map(|violation| violation.invariant);
        assert_eq!(found, Some(expected), "{what}: {:#?}", case.plan);
    }
}

#[test]
fn every_invariant_has_a_spoiled_plan() {
    let tested: BTreeSet<Invariant> = spoiled().into_iter().map(|case| case.3).collect();
    assert_eq!(tested, Invariant::ALL.into());
    println!(
        "{} spoiled plans for {} invariants",
        spoiled().len(),
        tested.len()
    );
}
