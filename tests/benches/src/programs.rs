//! The programs that are measured, built or installed before anything is timed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// Whose figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// This project's function.
    Controller,
    /// The published recipe in Python.
    Recipe,
    /// The recipe with every improvement.
    Improved,
}

impl Subject {
    /// In the order of the tables.
    pub const ALL: [Self; 3] = [Self::Controller, Self::Recipe, Self::Improved];

    /// As the tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Recipe => "Peer 1",
            Self::Improved => "Peer 2",
        }
    }
}

/// How the controller is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// As it ships.
    Release,
    /// With the features and the profile of the tests, so that nothing is built twice.
    Test,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The controller's function.
    pub controller: PathBuf,
    /// The Python that has the peers' libraries; empty when no peer was asked for.
    pub python: PathBuf,
    /// The folder of the peers.
    pub peers: PathBuf,
    /// The library that turns a process's clock.
    pub clock: PathBuf,
    /// Where logs and other leftovers go.
    pub scratch: PathBuf,
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder in which Cargo has built this program.
pub fn target() -> Result<PathBuf> {
    let here = std::env::current_exe().context("where this program is")?;
    let mut above = here.ancestors();
    let profile = above.find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    let target = profile.and_then(Path::parent);
    let target = target.with_context(|| format!("{} is not below target", here.display()))?;
    Ok(target.to_owned())
}

impl Programs {
    /// Builds the controller, and installs what the peers need.
    pub fn prepare(build: Build) -> Result<Self> {
        Self::with_controller(&controller(build, &target()?)?)
    }

    /// Installs what the peers need.
    pub fn with_controller(controller: &Path) -> Result<Self> {
        Ok(Self {
            python: python(&target()?)?,
            ..Self::alone(controller)?
        })
    }

    /// Builds the controller.
    pub fn without_peers(build: Build) -> Result<Self> {
        Self::alone(&controller(build, &target()?)?)
    }

    fn alone(controller: &Path) -> Result<Self> {
        let scratch = target()?.join("benches");
        std::fs::create_dir_all(&scratch)?;
        Ok(Self {
            controller: std::path::absolute(controller)?,
            python: PathBuf::new(),
            peers: root().join("tests/benches/peers"),
            clock: clock(&scratch)?,
            scratch,
        })
    }
}

/// Runs a command, its output on standard error.
fn run(command: &mut Command) -> Result<()> {
    eprintln!("== {command:?}");
    let status = command.stdout(std::io::stderr()).status();
    let status = status.with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

fn controller(build: Build, target: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root());
    cargo.args(["build", "--locked", "--bin", "controller"]);
    let profile = match build {
        Build::Release => {
            cargo.args(["-p", "controller", "--release"]);
            "release"
        }
        Build::Test => {
            // With the features that the tests were built with: nothing is built again.
            cargo.arg("--workspace");
            "debug"
        }
    };
    run(cargo.env("CARGO_TARGET_DIR", target))?;
    Ok(target.join(profile).join("controller"))
}

/// A virtual environment, made anew when the pins or the Python change.
fn python(target: &Path) -> Result<PathBuf> {
    let (home, pins) = (
        target.join("benches-venv"),
        root().join("tests/benches/requirements.txt"),
    );
    let version = Command::new("python3").arg("-VV").output();
    let version = version.context("cannot run python3")?.stdout;
    let wanted = format!(
        "{}{}",
        String::from_utf8_lossy(&version),
        std::fs::read_to_string(&pins)?
    );
    let (python, stamp) = (home.join("bin/python"), home.join("installed"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&home))?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-input", "--no-deps", "-r"])
        .arg(&pins))?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

/// The C compiler that the TLS library needs anyway.
fn clock(scratch: &Path) -> Result<PathBuf> {
    let (source, library) = (
        root().join("tests/benches/src/clock.c"),
        scratch.join("clock.so"),
    );
    run(Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .args([&library, &source]))?;
    Ok(library)
}
