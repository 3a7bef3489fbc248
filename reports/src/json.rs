//! The model of a campaign as JSON, for programs: [`Campaign`] and nothing else.

use crate::model::Campaign;

/// The campaign as indented JSON, with a line break at the end.
#[must_use]
pub fn write(campaign: &Campaign) -> String {
    let mut text = serde_json::to_string_pretty(campaign).expect("the model has nothing that JSON cannot hold");
    text.push('\n');
    text
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// If it is not a campaign of this version of the model.
pub fn read(text: &str) -> Result<Campaign, String> {
    let campaign: Campaign = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if campaign.schema != crate::model::SCHEMA {
        return Err(format!("the schema is {:?}, but only {:?} can be read", campaign.schema, crate::model::SCHEMA));
    }
    Ok(campaign)
}
