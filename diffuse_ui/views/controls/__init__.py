"""The column of controls: model, event, run, result, export."""
