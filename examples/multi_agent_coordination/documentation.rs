//! Documentation: the analyst reads what a source file offers, the coder writes an example for each
//! function that really parses, the writer makes the page.

use super::work::{Analysis, Material, Piece, Scenario};
use majordomo::builtin::outline::{self, Item, Kind, OutlineInput, Parameter};
use majordomo::builtin::review::{Language, Severity};
use majordomo::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

/// What the coder needs to know.
#[derive(Serialize, Deserialize)]
struct Evidence {
    module: String,
    language: Language,
    item: Item,
}

pub fn analyse(path: &str) -> Result<Analysis> {
    let file = Path::new(path);
    let (name, module) = (words(file.file_name()), words(file.file_stem()));
    let root = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let outline = outline::outline(&OutlineInput::new(root.to_string_lossy(), name.clone()))?;
    let bare = outline.items.iter().filter(|it| it.docs.is_empty()).count();
    let offers = outline.items.len();
    let about = outline.docs.lines().next().unwrap_or("says nothing about itself");
    let summary = format!("{about} It offers {offers} items, {bare} of them undocumented.");
    let piece = |item: Item| {
        // What nobody has described needs an example most.
        let severity = match (item.docs.is_empty(), is_called(&item)) {
            (true, _) => Severity::High,
            (false, true) => Severity::Medium,
            (false, false) => Severity::Low,
        };
        let (key, title) = (format!("{name} {}", item.name), format!("`{}`", item.signature));
        let (module, language) = (module.clone(), outline.language);
        let evidence = serde_json::to_value(Evidence { module, language, item })?;
        Ok(Piece { scenario: Scenario::Documentation, key, title, severity, evidence })
    };
    let pieces = outline.items.into_iter().map(piece).collect::<Result<_>>()?;
    Ok(Analysis { path: name.clone(), summary, pieces })
}

fn words(part: Option<&OsStr>) -> String {
    part.unwrap_or_default().to_string_lossy().into_owned()
}

fn is_called(item: &Item) -> bool {
    matches!(item.kind, Kind::Function | Kind::Method)
}

/// An example of how a function is called. What the coder cannot make up becomes a parameter of the
/// example, so that the reader sees what to bring.
pub fn code(piece: &Piece) -> Result<String> {
    let Evidence { module, language, item } = serde_json::from_value(piece.evidence.clone())?;
    if !is_called(&item) {
        let why = format!("a {:?} is not called; see the functions", item.kind).to_lowercase();
        return Err(Failure::rejected(why));
    }
    let text = match language {
        Language::Rust => rust(&module, &item),
        _ => python(&module, &item),
    };
    if outline::parses(language, &text) {
        Ok(text)
    } else {
        Err(Failure::rejected(format!("no example that parses; its signature is {}", piece.title)))
    }
}

fn rust(module: &str, item: &Item) -> String {
    let (of, name) = item.name.split_once("::").unwrap_or(("", &item.name));
    let (mut needs, mut given) = (Vec::new(), Vec::new());
    if item.on_self {
        let taken = ["&mut self", "&self"].into_iter().find(|it| item.signature.contains(it));
        needs.push(format!("value: {}{of}", taken.unwrap_or("self").trim_end_matches("self")));
    }
    for Parameter { name, of, .. } in &item.parameters {
        given.push(match of.trim_start_matches('&') {
            "str" => "\"text\"".to_owned(),
            "String" => "\"text\".to_owned()".to_owned(),
            "bool" => "true".to_owned(),
            "f32" | "f64" => "1.5".to_owned(),
            "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
                "1".to_owned()
            }
            _ => {
                needs.push(format!("{name}: {of}"));
                name.clone()
            }
        });
    }
    let called = match (of, item.on_self) {
        ("", _) => name.to_owned(),
        (of, false) => format!("{of}::{name}"),
        (_, true) => format!("value.{name}"),
    };
    let (needs, given) = (needs.join(", "), given.join(", "));
    let from = format!("use {module}::{};", if of.is_empty() { name } else { of });
    format!("{from}\n\nfn example({needs}) {{\n    let result = {called}({given});\n}}\n")
}

fn python(module: &str, item: &Item) -> String {
    let (of, name) = item.name.split_once('.').unwrap_or(("", &item.name));
    let (mut needs, mut given) = (Vec::new(), Vec::new());
    if item.on_self {
        needs.push(format!("value: {of}"));
    }
    for Parameter { name, of, .. } in item.parameters.iter().filter(|it| !it.optional) {
        given.push(match of.as_str() {
            "str" => "\"text\"".to_owned(),
            "int" => "1".to_owned(),
            "float" => "1.5".to_owned(),
            "bool" => "True".to_owned(),
            _ => {
                needs.push(name.clone());
                name.clone()
            }
        });
    }
    let called = if item.on_self { format!("value.{name}") } else { name.to_owned() };
    let (needs, given) = (needs.join(", "), given.join(", "));
    let from = format!("from {module} import {}", if of.is_empty() { name } else { of });
    format!("{from}\n\ndef example({needs}):\n    result = {called}({given})\n")
}

pub fn write(material: &Material) -> String {
    let mut page = String::from("# What it offers\n");
    for analysis in &material.analyses {
        let _ = write!(page, "\n## {}\n\n{}\n", analysis.path, analysis.summary);
    }
    for made in &material.made {
        let read = serde_json::from_value(made.piece.evidence.clone());
        let Ok(Evidence { module, language, item }) = read else { continue };
        let _ = write!(page, "\n### {}\n\n{}\n\n", made.piece.title, place(&module, &item));
        let docs = if item.docs.is_empty() { "*Not documented.*" } else { &item.docs };
        let _ = writeln!(page, "{docs}");
        if let Ok(example) = &made.text {
            let _ = write!(page, "\n```{}\n{example}```\n", language.name().to_lowercase());
        }
    }
    page
}

fn place(module: &str, item: &Item) -> String {
    format!("{:?} of `{module}`, line {}", item.kind, item.line)
}
