"""Mapping strategies that weigh time and traffic, and what they go by."""
