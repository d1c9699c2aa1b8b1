"""What the user asked: model, event, what is known, and how to run it. No widgets, no results."""
