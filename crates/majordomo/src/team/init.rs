//! The commented team that `majordomo init` writes: it passes its own check and runs offline.

/// What the file is called.
pub const FILE_NAME: &str = "team.toml";

/// The text of the file.
pub const STARTER: &str = include_str!("../../teams/starter.toml");

/// The teams that come with Majordomo: name and text.
pub const TEAMS: &[(&str, &str)] = &[
    ("code-review", include_str!("../../teams/code-review.toml")),
    ("code-review-linters", include_str!("../../teams/code-review-linters.toml")),
];

/// The text of a team that comes with Majordomo.
pub fn team(name: &str) -> Option<&'static str> {
    TEAMS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
