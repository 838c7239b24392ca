//! The questions that people ask of the views, one file each.
