//! `fargate gc`.

use std::fmt;
use std::io::{self, Write};

use fargate_core::{Error, ErrorKind, Result};

use super::cli::{Cli, GcArgs};
use super::context::{Moment, start};
use super::signals::cancelled_by_signal;
use crate::backends::gc::{Collected, Fate, Reason, collect};
use crate::exit::Exit;

/// Deletes task definitions that are not used any more, and prints a line for each and a sum.
pub(super) async fn gc(cli: &Cli, args: &GcArgs) -> Result<Exit> {
    let settings = start(cli, Moment::Config)?;
    let cancel = cancelled_by_signal()?;
    let mut sum = Sum::default();
    let mut told = |one: &Collected| {
        sum.add(&one.fate);
        if args.dry_run || args.verbose || !matches!(one.fate, Fate::Kept(_)) {
            print(&line(one));
        }
    };
    let done = tokio::select! {
        done = collect(&settings, args.older_than, args.dry_run, &mut told) => done,
        () = cancel.cancelled() => Err(interrupted()),
    };
    print(&sum.to_string());
    done?;
    match sum.refused {
        0 => Ok(Exit::SUCCESS),
        refused => Err(Error::new(
            ErrorKind::Conflict,
            "collect task definitions",
            format!("ECS did not delete {refused} of them; why is said above"),
        )),
    }
}

fn interrupted() -> Error {
    let what = "interrupted by a signal: what is deleted stays deleted";
    Error::new(ErrorKind::Cancelled, "collect task definitions", what)
        .hint("run it again: it does the rest")
}

/// A closed pipe is the reader's choice.
fn print(line: &str) {
    let _closed = writeln!(io::stdout().lock(), "{line}");
}

fn line(one: &Collected) -> String {
    let what = match &one.fate {
        Fate::Deleted => "deleted".to_owned(),
        Fate::Due => "would be deleted".to_owned(),
        Fate::Kept(reason) => format!("kept: {}", word(*reason)),
        Fate::Refused(reason) => format!("not deleted: {reason}"),
        _ => "?".to_owned(),
    };
    match &one.last_used {
        Some(day) => format!("{} (last used {day}) {what}", one.name),
        None => format!("{} {what}", one.name),
    }
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::InUse => "in use",
        Reason::UsedLately => "used lately",
        Reason::Unmarked => {
            "without the tag fargate:base (registered without the right ecs:TagResource, or by \
             somebody else)"
        }
        _ => "for another reason",
    }
}

/// How many came to what.
#[derive(Debug, Default)]
struct Sum {
    deleted: u64,
    due: u64,
    refused: u64,
    kept: Vec<(Reason, u64)>,
}

impl Sum {
    fn add(&mut self, fate: &Fate) {
        match fate {
            Fate::Deleted => self.deleted += 1,
            Fate::Due => self.due += 1,
            Fate::Refused(_) => self.refused += 1,
            Fate::Kept(reason) => match self.kept.iter_mut().find(|(one, _)| one == reason) {
                Some((_, number)) => *number += 1,
                None => self.kept.push((*reason, 1)),
            },
            _ => {}
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept: u64 = self.kept.iter().map(|(_, number)| number).sum();
        let all = self.deleted + self.due + self.refused + kept;
        write!(f, "{all} derived task definition(s): {} deleted", self.deleted)?;
        for (number, what) in [(self.due, "would be deleted"), (self.refused, "not deleted")] {
            if number > 0 {
                write!(f, ", {number} {what}")?;
            }
        }
        for (reason, number) in &self.kept {
            write!(f, ", {number} kept: {}", word(*reason))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_counts_every_fate() {
        let mut sum = Sum::default();
        assert_eq!(sum.to_string(), "0 derived task definition(s): 0 deleted");
        let late = Fate::Kept(Reason::UsedLately);
        let fates = [Fate::Deleted, late.clone(), Fate::Refused("no".into()), late, Fate::Due];
        fates.iter().for_each(|fate| sum.add(fate));
        assert_eq!(
            sum.to_string(),
            "5 derived task definition(s): 1 deleted, 1 would be deleted, 1 not deleted, 2 kept: \
             used lately"
        );
    }
}
