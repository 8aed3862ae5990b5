//! What to write in a Region, given what is there.

use aws_sdk_macie2::types::FindingPublishingFrequency as Frequency;

use super::wanted::{Destination, Publication, Wanted};

/// Macie of the administrator in a Region.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// It is off, and has no settings.
    Off,
    /// It is suspended: nothing is scanned, and running jobs are cancelled.
    Paused,
    /// It is on.
    On(Current),
}

/// The settings of a Macie that is on.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    /// How often changes of policy findings are published.
    pub frequency: Option<Frequency>,
    /// Whether accounts that join the organization become members by themselves.
    pub auto_enable: bool,
    /// Whether automated discovery is on, for anybody.
    pub discovery: bool,
    /// Where results are kept.
    pub destination: Option<Destination>,
    /// Which findings go to Security Hub.
    pub publication: Option<Publication>,
}

/// Something to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Turn Macie on.
    Enable,
    /// Resume a suspended Macie.
    Resume,
    /// Set the publishing frequency.
    Frequency,
    /// Let nobody become a member by itself.
    AutoEnableOff,
    /// Turn automated discovery off.
    DiscoveryOff,
    /// Set where results are kept.
    Destination,
    /// Set which findings go to Security Hub.
    Publication,
}

/// What differs from what is wanted. A Macie that is off or suspended is turned on first; its
/// settings are the next look's.
pub fn writes(wanted: &Wanted, observed: &Observed) -> Vec<Write> {
    let current = match observed {
        Observed::Off => return vec![Write::Enable],
        Observed::Paused => return vec![Write::Resume],
        Observed::On(current) => current,
    };
    let destination = current.destination.as_ref();
    let differs = [
        (
            current.frequency.as_ref() != Some(&wanted.frequency),
            Write::Frequency,
        ),
        (current.auto_enable, Write::AutoEnableOff),
        (current.discovery, Write::DiscoveryOff),
        (
            !is_same(&wanted.destination, destination),
            Write::Destination,
        ),
        (
            current.publication != Some(wanted.publication),
            Write::Publication,
        ),
    ];
    let differing = differs.into_iter().filter(|(differs, _)| *differs);
    differing.map(|(_, write)| write).collect()
}

/// AWS does not document that the owner comes back; an absent one is no difference.
fn is_same(wanted: &Destination, current: Option<&Destination>) -> bool {
    current.is_some_and(|current| {
        let owner = current.owner.clone().or_else(|| wanted.owner.clone());
        let current = Destination {
            owner,
            ..current.clone()
        };
        current == *wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            regions: Vec::new(),
            frequency: Frequency::OneHour,
            destination: Destination {
                bucket: "results".to_owned(),
                owner: Some("222222222222".to_owned()),
                prefix: None,
                key: "arn:aws:kms:eu-west-1:222222222222:key/1".to_owned(),
            },
            publication: Publication {
                policy: true,
                classification: false,
            },
        }
    }

    fn current() -> Current {
        Current {
            frequency: Some(Frequency::OneHour),
            auto_enable: false,
            discovery: false,
            destination: Some(wanted().destination),
            publication: Some(wanted().publication),
        }
    }

    type Spoil = fn(&mut Current);

    fn destination(current: &mut Current) -> &mut Destination {
        current.destination.as_mut().unwrap()
    }

    #[test]
    fn only_what_differs_is_written() {
        let cases: [(Spoil, &[Write]); 12] = [
            (|_| {}, &[]),
            (|c| c.frequency = None, &[Write::Frequency]),
            (
                |c| c.frequency = Some(Frequency::SixHours),
                &[Write::Frequency],
            ),
            (|c| c.auto_enable = true, &[Write::AutoEnableOff]),
            (|c| c.discovery = true, &[Write::DiscoveryOff]),
            (|c| c.destination = None, &[Write::Destination]),
            (|c| destination(c).owner = None, &[]),
            (
                |c| destination(c).owner = Some("3".to_owned()),
                &[Write::Destination],
            ),
            (
                |c| destination(c).bucket = "other".to_owned(),
                &[Write::Destination],
            ),
            (
                |c| destination(c).prefix = Some("p".to_owned()),
                &[Write::Destination],
            ),
            (
                |c| destination(c).key = "other".to_owned(),
                &[Write::Destination],
            ),
            (|c| c.publication = None, &[Write::Publication]),
        ];
        for (spoil, expected) in cases {
            let mut current = current();
            spoil(&mut current);
            let found = writes(&wanted(), &Observed::On(current.clone()));
            assert_eq!(found, expected, "{current:?}");
        }
    }

    #[test]
    fn macie_is_turned_on_before_anything_else() {
        assert_eq!(writes(&wanted(), &Observed::Off), [Write::Enable]);
        assert_eq!(writes(&wanted(), &Observed::Paused), [Write::Resume]);
    }
}
