"""The functional plane: values through the plan."""
