//! Tables as all their regions show them.
