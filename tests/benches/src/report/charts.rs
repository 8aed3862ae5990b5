//! The charts: lines over the number of accounts and of buckets, both axes logarithmic, so that
//! what is linear rises and what is flat does not.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::{
    kinds::Kind,
    plan::LATENCY,
    programs::Subject,
    results::{EventFigure, Results},
};

const SIZE: (u32, u32) = (720, 420);

/// A named line.
struct Line {
    name: String,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

struct Chart {
    title: &'static str,
    x: &'static str,
    y: &'static str,
    lines: Vec<Line>,
}

/// Name and text of every chart.
pub fn all(results: &Results) -> Result<Vec<(&'static str, String)>> {
    let charts = [
        ("buckets", buckets(results)),
        ("accounts", accounts(results)),
        ("sweep", sweep(results)),
        ("sweep-memory", memory(results)),
    ];
    let charts = charts.into_iter();
    charts
        .map(|(name, chart)| Ok((name, draw(&chart)?)))
        .collect()
}

fn color(subject: Subject) -> RGBColor {
    match subject {
        Subject::Controller => RGBColor(0, 114, 178),
        Subject::Recipe => RGBColor(213, 94, 0),
        Subject::Improved => RGBColor(0, 158, 115),
    }
}

fn buckets(results: &Results) -> Chart {
    let mut lines = Vec::new();
    for subject in Subject::ALL {
        let points = points(results, Kind::OptOutOthersLeft, subject, |figure| {
            figure.buckets
        });
        lines.push(line(subject, "another left", color(subject), points));
        let points = points_of_last(results, subject);
        lines.push(line(
            subject,
            "the last one",
            lighter(color(subject)),
            points,
        ));
    }
    Chart {
        title: "Opt-out of a bucket, 20 ms a call",
        x: "buckets of the account",
        y: "milliseconds",
        lines,
    }
}

fn points_of_last(results: &Results, subject: Subject) -> Vec<(f64, f64)> {
    points(results, Kind::OptOutLast, subject, |figure| figure.buckets)
}

fn accounts(results: &Results) -> Chart {
    let lines = Subject::ALL.map(|subject| {
        let points = points(results, Kind::IrrelevantChange, subject, |figure| {
            figure.accounts
        });
        line(subject, "", color(subject), points)
    });
    Chart {
        title: "Another tag of a covered bucket, 20 ms a call",
        x: "accounts of the organization",
        y: "milliseconds",
        lines: lines.into(),
    }
}

fn sweep(results: &Results) -> Chart {
    let lines = Subject::ALL.map(|subject| {
        let swept = results.sweeps.iter();
        let swept = swept.filter(|sweep| sweep.subject == subject && sweep.regions == 1);
        let points = swept.map(|sweep| (sweep.accounts as f64, sweep.seconds));
        line(subject, "", color(subject), points.collect())
    });
    Chart {
        title: "Sweep of everything, nothing changed, 20 ms a call",
        x: "accounts of the organization",
        y: "seconds",
        lines: lines.into(),
    }
}

fn memory(results: &Results) -> Chart {
    let lines = Subject::ALL.map(|subject| {
        let swept = results.sweeps.iter();
        let swept = swept.filter(|sweep| sweep.subject == subject && sweep.regions == 1);
        let points = swept.map(|sweep| (sweep.accounts as f64, sweep.memory));
        line(subject, "", color(subject), points.collect())
    });
    Chart {
        title: "Largest resident memory of a sweep",
        x: "accounts of the organization",
        y: "MiB",
        lines: lines.into(),
    }
}

fn lighter(RGBColor(red, green, blue): RGBColor) -> RGBColor {
    let light = |part: u8| 255 - (255 - part) / 2;
    RGBColor(light(red), light(green), light(blue))
}

fn line(subject: Subject, what: &str, color: RGBColor, mut points: Vec<(f64, f64)>) -> Line {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|a, b| a.0 == b.0);
    let name = format!("{} {what}", subject.name());
    Line {
        name: name.trim().to_owned(),
        color,
        points,
    }
}

fn points(
    results: &Results,
    kind: Kind,
    subject: Subject,
    x: fn(&EventFigure) -> usize,
) -> Vec<(f64, f64)> {
    let figures = results.events.iter();
    figures
        .filter(|figure| figure.kind == kind && figure.subject == subject)
        .filter(|figure| figure.latency == LATENCY)
        .map(|figure| (x(figure) as f64, figure.milliseconds.median))
        .collect()
}

fn draw(chart: &Chart) -> Result<String> {
    let mut text = String::new();
    draw_on(chart, &mut text).map_err(|error| anyhow!("chart `{}`: {error}", chart.title))?;
    Ok(text)
}

type Failed = Box<dyn std::error::Error>;

fn draw_on(chart: &Chart, text: &mut String) -> Result<(), Failed> {
    let all: Vec<(f64, f64)> = chart
        .lines
        .iter()
        .flat_map(|line| line.points.iter().copied())
        .collect();
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().map(of);
        let least = values().fold(f64::INFINITY, f64::min).min(1e6);
        let most = values().fold(1.0, f64::max);
        (least * 0.8)..(most * 1.25)
    };
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut context = ChartBuilder::on(&root)
        .caption(chart.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(
            range(|point| point.0).log_scale(),
            range(|point| point.1).log_scale(),
        )?;
    context
        .configure_mesh()
        .x_desc(chart.x)
        .y_desc(chart.y)
        .light_line_style(WHITE)
        .draw()?;
    for line in chart.lines.iter().filter(|line| !line.points.is_empty()) {
        let color = line.color;
        let drawn = context.draw_series(
            LineSeries::new(line.points.iter().copied(), color.stroke_width(2)).point_size(4),
        )?;
        drawn
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    context
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
