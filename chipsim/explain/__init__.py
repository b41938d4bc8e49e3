"""Why a run took as long as it did: from its ``result.json`` to an `Explanation`."""
