"""Events, arrivals and integers of time: what every server of the timing plane stands on."""
