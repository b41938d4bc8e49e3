"""The von Neumann machine that the chip is compared with."""
