"""State of the app: model, event, observed values, run settings. No widgets, no results."""
