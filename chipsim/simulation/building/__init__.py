"""From a plan to a machine: servers, flows between them, and what bounds them."""
