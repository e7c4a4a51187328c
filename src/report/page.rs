//! Reports: one HTML file with everything in it.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::table::settings_html;
use super::{ReportError, Table};
use crate::train::plot::{Plot, PlotError, draw_panels};

/// The content security policy: a browser may load nothing.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("style.css");

/// Sections below which a table of contents is left out.
const FEW_SECTIONS: usize = 4;

/// A page of sections, in the order in which they are added, with all settings at the end.
///
/// It is one HTML file: style, curves as SVG, animations as data. It needs no network and no scripts, and
/// forbids the browser to load any. It follows the reader's choice of a light or a dark page, and fits a phone. All texts
/// are escaped. The same sections give the same bytes.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
/// use actor_critic::report::{Report, Table};
/// use actor_critic::train::plot::{Curve, Plot};
///
/// let curve = Plot::new("Return").with_curve(Curve::from_values("SAC", [-1400.0, -300.0, -150.0]));
/// let html = Report::new("SAC on Pendulum-v1")
///     .with_subtitle("Three episodes, seed 0")
///     .with_key_figure("Regret", "2.31")
///     .with_text("What it is", "A run with the defaults of the crate.")
///     .with_plot("Learning curve", &curve)?
///     .with_table("Evaluations", &Table::new(["steps", "return"]).with_row(["1,000", "−150.2"]))?
///     .with_settings("Settings", &SacConfig::new())?
///     .html();
/// assert!(html.starts_with("<!DOCTYPE html>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    title: String,
    subtitle: Option<String>,
    key_figures: Vec<(String, String)>,
    sections: Vec<Section>,
    settings: Vec<Section>,
}

#[derive(Debug, Clone)]
struct Section {
    heading: String,
    body: Markup,
}

impl Report {
    /// Makes a page that has only a title.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            subtitle: None,
            key_figures: Vec::new(),
            sections: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// Puts a line under the title.
    #[must_use]
    pub fn with_subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = Some(subtitle.into());
        self
    }

    /// Adds a key figure, as a tile under the title.
    #[must_use]
    pub fn with_key_figure(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.key_figures.push((label.into(), value.into()));
        self
    }

    /// Adds a section of text; an empty line ends a paragraph.
    #[must_use]
    pub fn with_text(self, heading: impl Into<String>, text: &str) -> Self {
        let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
        self.with_section(heading, html! { @for paragraph in paragraphs { p { (paragraph) } } })
    }

    /// Adds a table of settings, such as the config of an agent, to the section that ends the page.
    ///
    /// # Errors
    ///
    /// [`ReportError::Settings`] if they cannot be written as JSON, as a map whose keys are not texts.
    pub fn with_settings(mut self, heading: impl Into<String>, settings: &impl Serialize) -> Result<Self, ReportError> {
        let heading = heading.into();
        match serde_json::to_value(settings) {
            Ok(settings) => self.settings.push(Section { heading, body: settings_html(&settings) }),
            Err(source) => return Err(ReportError::Settings { name: heading, source }),
        }
        Ok(self)
    }

    /// Adds a section with a table.
    ///
    /// # Errors
    ///
    /// [`ReportError::Row`] if a row does not have a cell for each column.
    pub fn with_table(self, heading: impl Into<String>, table: &Table) -> Result<Self, ReportError> {
        let table = table.html()?;
        Ok(self.with_section(heading, table))
    }

    /// Adds a section with one plot over the full width.
    ///
    /// # Errors
    ///
    /// [`ReportError::Plot`] as [`Plot::draw`].
    pub fn with_plot(self, heading: impl Into<String>, plot: &Plot) -> Result<Self, ReportError> {
        // Twice, since letters of the wide one would be too small on a phone.
        let wide = figure(plot, "wide", Plot::draw(plot).map(|picture| picture.svg().to_owned()))?;
        let narrow = figure(plot, "narrow", panel(plot))?;
        Ok(self.with_section(heading, html! { (wide) (narrow) }))
    }

    /// Adds a section with several plots side by side, if the page is wide enough.
    ///
    /// # Errors
    ///
    /// [`ReportError::Plot`] as [`Plot::draw`].
    pub fn with_plots(self, heading: impl Into<String>, plots: &[Plot]) -> Result<Self, ReportError> {
        let figures = plots.iter().map(|plot| figure(plot, "panel", panel(plot))).collect::<Result<Vec<_>, _>>()?;
        Ok(self.with_section(heading, html! { div.panels { @for figure in &figures { (figure) } } }))
    }

    /// Adds a section with an animation: the bytes of a GIF, such as those of [`Animation::gif`](super::Animation::gif).
    ///
    /// # Errors
    ///
    /// [`ReportError::NotAGif`] if the bytes are not a GIF.
    pub fn with_animation(self, heading: impl Into<String>, gif: &[u8], caption: &str) -> Result<Self, ReportError> {
        let (Some(&[a, b, c, d]), true) = (gif.get(6..).and_then(<[u8]>::first_chunk), gif.starts_with(b"GIF8")) else {
            return Err(ReportError::NotAGif { found: gif[..gif.len().min(6)].to_vec() });
        };
        let (width, height) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let data = format!("data:image/gif;base64,{}", BASE64_STANDARD.encode(gif));
        let figure = html! {
            figure.animation {
                img src=(data) width=(width) height=(height) alt=(caption);
                figcaption { (caption) }
            }
        };
        Ok(self.with_section(heading, figure))
    }

    fn with_section(mut self, heading: impl Into<String>, body: Markup) -> Self {
        self.sections.push(Section { heading: heading.into(), body });
        self
    }

    /// Returns the page as the text of an HTML file.
    pub fn html(&self) -> String {
        let mut sections: Vec<_> =
            self.sections.iter().map(|section| (&*section.heading, section.body.clone())).collect();
        if !self.settings.is_empty() {
            let columns =
                self.settings.iter().map(|Section { heading, body }| html! { div { h3 { (heading) } (body) } });
            sections.push(("Settings", html! { div.settings { @for column in columns { (column) } } }));
        }
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    // Or a browser would ask the server for one.
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) }
                }
                body { main {
                    header {
                        h1 { (self.title) }
                        @if let Some(subtitle) = &self.subtitle { p.subtitle { (subtitle) } }
                    }
                    @if !self.key_figures.is_empty() {
                        dl.key-figures {
                            @for (label, value) in &self.key_figures { div { dt { (label) } dd { (value) } } }
                        }
                    }
                    @if sections.len() > FEW_SECTIONS {
                        nav aria-label="Sections" {
                            @for (index, (heading, _)) in sections.iter().enumerate() {
                                a href=(format!("#section-{index}")) { (heading) }
                            }
                        }
                    }
                    @for (index, (heading, body)) in sections.iter().enumerate() {
                        section id=(format!("section-{index}")) { h2 { (heading) } (body) }
                    }
                } }
            }
        };
        page.into_string()
    }

    /// Writes the HTML file, and makes its parent folders.
    ///
    /// # Errors
    ///
    /// [`ReportError::Io`] names the file.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        super::write(path.as_ref(), self.html().as_bytes())
    }
}

fn panel(plot: &Plot) -> Result<String, PlotError> {
    Ok(draw_panels(std::slice::from_ref(plot), 1)?.svg().to_owned())
}

fn figure(plot: &Plot, class: &str, svg: Result<String, PlotError>) -> Result<Markup, ReportError> {
    let svg = svg.map_err(|source| ReportError::Plot { title: plot.title.clone(), source })?;
    Ok(html! { figure class=(format!("plot {class}")) role="img" aria-label=(plot.title) { (PreEscaped(svg)) } })
}
