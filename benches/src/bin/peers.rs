//! Our client beside `ssh`, Go's x/crypto, libssh2 and russh as it comes.
//!
//! ```text
//! cargo run --release -p fargate-benches --bin peers [-- [--quick] [--only PART]]
//! ```
//!
//! Prints the table, and writes it to `table.md` and a plot to `plot.svg` in `benches/results`.
//! A quick run only shows that everything works; its figures mean little, and it writes to
//! `target/` instead.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use fargate_benches::peers::place::Place;
use fargate_benches::peers::report::Report;
use fargate_benches::peers::{bulk, checks, latency, many, path, plot, setup, stalled, start};
use fargate_benches::{process, programs};

type Part = fn(&Place, &mut Report) -> io::Result<()>;

/// In the order of the table.
const PARTS: &[(&str, Part)] = &[
    ("start", start::driver),
    ("setup-sshd", setup::sshd),
    ("setup-agent", setup::agent),
    ("round-trips", path::round_trips),
    ("open-connection", setup::open_connection),
    ("stdout", bulk::stdout),
    ("upload", bulk::upload),
    ("lines", bulk::lines),
    ("packets", bulk::packets),
    ("long-path", path::bulk),
    ("latency", latency::lines),
    ("many", many::sessions),
    ("stalled", stalled::reader),
    ("exit-codes", checks::exit_codes),
    ("rekeying", checks::rekeying),
];

fn main() -> io::Result<ExitCode> {
    let options = Options::parse()?;
    process::raise_file_limit()?;
    if cfg!(debug_assertions) {
        say("This is a debug build: run it with --release for figures that mean something.")?;
    }
    let began = Instant::now();
    let place = Place::new(options.quick)?;
    let mut report = Report::default();
    for (name, part) in PARTS {
        if options.only.as_ref().is_none_or(|only| only == name) {
            say(&format!("{:>4} s  {name}", began.elapsed().as_secs()))?;
            report.part(name, |report| part(&place, report));
        }
    }
    let text = report.markdown(&conditions(options.quick), &place.clients.missing);
    writeln!(io::stdout(), "{text}")?;
    let results = options.results()?;
    fs::create_dir_all(&results)?;
    fs::write(results.join("table.md"), &text)?;
    fs::write(results.join("plot.svg"), plot::svg(&report.panels))?;
    say(&format!("{:>4} s  written to {}", began.elapsed().as_secs(), results.display()))?;
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Options {
    quick: bool,
    only: Option<String>,
}

impl Options {
    fn parse() -> io::Result<Self> {
        let mut this = Self { quick: false, only: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => this.quick = true,
                "--only" => this.only = Some(arguments.next().unwrap_or_default()),
                _ => return Err(io::Error::other(format!("no option {argument}"))),
            }
        }
        if let Some(only) = &this.only
            && !PARTS.iter().any(|(name, _)| name == only)
        {
            let names: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
            return Err(io::Error::other(format!("--only takes one of {}", names.join(", "))));
        }
        Ok(this)
    }

    fn results(&self) -> io::Result<PathBuf> {
        if self.quick || self.only.is_some() {
            Ok(programs::profile_directory()?.join("bench-peers/results"))
        } else {
            Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("results"))
        }
    }
}

/// Progress is for whoever waits, not for the table.
fn say(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{text}")
}

/// Under which conditions the figures came about.
fn conditions(quick: bool) -> String {
    let first = |file: &str, field: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        let value = line.unwrap_or("unknown").trim_start_matches(['\t', ' ', ':', '=', '"']);
        value.trim_end_matches('"').to_owned()
    };
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().next().unwrap_or("unknown").to_owned()
    };
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}Loopback, {processors} processors ({}), {}, Linux {}, {}; {}. The load was {} at the end. \
         Clients take turns; a figure is the median of the ratios of each round, the spread its \
         least and most.",
        if quick { "**Quick run, figures mean little.** " } else { "" },
        first("/proc/cpuinfo", "model name"),
        first("/etc/os-release", "PRETTY_NAME"),
        first("/proc/sys/kernel/osrelease", "").split('-').next().unwrap_or_default(),
        said("ssh", "-V"),
        said("date", "-I"),
        first("/proc/loadavg", "").split(' ').next().unwrap_or_default(),
    )
}
