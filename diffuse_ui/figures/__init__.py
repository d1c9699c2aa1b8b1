"""Publication figures by matplotlib: data in, a Figure out."""
