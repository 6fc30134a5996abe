//! Signal names on the wire (RFC 4254 section 6.10, without "SIG") and as numbers.

use russh::Sig;
use rustix::process::Signal;

const NAMES: [(&str, Signal); 18] = [
    ("ABRT", Signal::ABORT),
    ("ALRM", Signal::ALARM),
    ("BUS", Signal::BUS),
    ("FPE", Signal::FPE),
    ("HUP", Signal::HUP),
    ("ILL", Signal::ILL),
    ("INT", Signal::INT),
    ("KILL", Signal::KILL),
    ("PIPE", Signal::PIPE),
    ("QUIT", Signal::QUIT),
    ("SEGV", Signal::SEGV),
    ("SYS", Signal::SYS),
    ("TERM", Signal::TERM),
    ("TRAP", Signal::TRAP),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("XCPU", Signal::XCPU),
    ("XFSZ", Signal::XFSZ),
];

/// The signal a client asks for; `None` for a name nobody knows.
pub(crate) fn from_wire(name: &Sig) -> Option<Signal> {
    let name = wire_text(name);
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, signal)| *signal)
}

/// The name of the signal that ended a command. An unnamed one is its number.
pub(crate) fn to_wire(number: i32) -> Sig {
    let name = NAMES.iter().find(|(_, signal)| signal.as_raw() == number).map(|(name, _)| *name);
    match name {
        Some("ABRT") => Sig::ABRT,
        Some("ALRM") => Sig::ALRM,
        Some("FPE") => Sig::FPE,
        Some("HUP") => Sig::HUP,
        Some("ILL") => Sig::ILL,
        Some("INT") => Sig::INT,
        Some("KILL") => Sig::KILL,
        Some("PIPE") => Sig::PIPE,
        Some("QUIT") => Sig::QUIT,
        Some("SEGV") => Sig::SEGV,
        Some("TERM") => Sig::TERM,
        Some("USR1") => Sig::USR1,
        Some(other) => Sig::Custom(other.to_owned()),
        None => Sig::Custom(number.to_string()),
    }
}

fn wire_text(signal: &Sig) -> &str {
    match signal {
        Sig::ABRT => "ABRT",
        Sig::ALRM => "ALRM",
        Sig::FPE => "FPE",
        Sig::HUP => "HUP",
        Sig::ILL => "ILL",
        Sig::INT => "INT",
        Sig::KILL => "KILL",
        Sig::PIPE => "PIPE",
        Sig::QUIT => "QUIT",
        Sig::SEGV => "SEGV",
        Sig::TERM => "TERM",
        Sig::USR1 => "USR1",
        // OpenSSH writes names outside the RFC's list as "NAME@openssh.com".
        Sig::Custom(name) => name.split('@').next().unwrap_or(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_the_way_there_and_back() {
        for (name, signal) in NAMES {
            let wire = to_wire(signal.as_raw());
            assert_eq!(wire_text(&wire), name);
            assert_eq!(from_wire(&wire), Some(signal));
        }
    }

    #[test]
    fn foreign_names_are_read_and_unknown_ones_refused() {
        assert_eq!(from_wire(&Sig::Custom("USR2@openssh.com".into())), Some(Signal::USR2));
        assert_eq!(from_wire(&Sig::Custom("NOPE".into())), None);
        assert_eq!(wire_text(&to_wire(64)), "64");
    }
}
