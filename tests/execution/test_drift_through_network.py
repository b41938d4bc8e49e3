"""A year of drift takes most of the gain of a network, and reference reads give it back."""

import numpy as np
import pytest
from analog_plans import zoo_bench

from chipsim.execution.accuracy import compute_values
from chipsim.execution.functional import IDEAL, REFERENCE_READS, Fidelity
from chipsim.units import parse_age

YEAR_S = parse_age("1 year")


@pytest.fixture(scope="module", params=["zoo:digits-mlp", "zoo:digits-cnn"])
def bench(request):
    return zoo_bench(request.param)


def gain(found, ideal):
    """Least-squares factor between outputs of a noisy and of an ideal network: all inputs, all classes."""
    return float((found.astype(np.float64) * ideal).sum() / np.square(ideal, dtype=np.float64).sum())


def test_drift_lowers_the_gain_and_compensation_restores_it(bench):
    ideal = bench.run(IDEAL)
    fresh, plain, compensated = (
        gain(bench.run(Fidelity(True, True, age_s, on)), ideal)
        for age_s, on in ((0.0, False), (YEAR_S, False), (YEAR_S, True))
    )
    assert 0.85 < fresh < 1.05
    assert plain < 0.5 * fresh
    assert compensated == pytest.approx(fresh, rel=0.10)


def test_accuracy_with_and_without_compensation(bench):
    found = compute_values(bench.plan, bench.split, 0, YEAR_S, 3, progress=lambda text: None)
    accuracy = found.accuracy
    assert accuracy["noisy"] > accuracy["reference"] - 0.03
    assert accuracy["noisy_uncompensated"] <= accuracy["noisy"] + 0.01
    assert accuracy["noisy_min"] <= accuracy["noisy"] <= 1
    assert accuracy["noisy_std"] >= 0
    assert set(found.reference_reads.values()) == {REFERENCE_READS}
    assert all(amount > 0 for amount in found.reference_conductance.values())


def test_at_age_zero_there_is_nothing_to_compensate(bench):
    found = compute_values(bench.plan, bench.split, 0, 0.0, 1, progress=lambda text: None)
    assert found.accuracy["noisy_uncompensated"] is None
    assert not found.reference_reads
