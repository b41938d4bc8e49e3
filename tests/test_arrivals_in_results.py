"""``chipsim.run(..., arrivals=...)``: what stands in the result, and what does not change."""

import numpy as np
import pytest

import chipsim
from chipsim.errors import InputError
from chipsim.network.zoo import load_data
from chipsim.report.tables import result_table


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    digits = load_data("zoo:digits")
    path = tmp_path_factory.mktemp("digits") / "few.npz"
    np.savez(path, x=digits.x[:60], y=digits.y[:60], x_calibration=digits.x[60:80])
    return path


def run(few, **options):
    return chipsim.run("hermes64", "zoo:digits-mlp", data=few, baseline="edge_npu", **options)


def printed(result):
    from rich.console import Console

    console = Console(width=120)
    with console.capture() as capture:
        console.print(result_table(result))
    return " ".join(capture.get().split())


def test_slow_arrivals_leave_every_latency_that_of_one_input_on_both_machines(few):
    data = run(few, arrivals="1000/s", timing_only=True).data
    for machine in ("chip", "baseline"):
        numbers = data[machine]
        arrivals = numbers["arrivals"]
        first = numbers["latency_first_input_s"]
        assert first == arrivals["latency_p50_s"] == arrivals["latency_max_s"] == numbers["latency_p99_s"]
        assert arrivals["queue_max_s"] == arrivals["queue_mean_inputs"] == 0
        assert arrivals["saturated"] is False
        assert arrivals["offered_inputs_per_s"] == 1000
        assert arrivals["served_inputs_per_s"] == numbers["throughput_inputs_per_s"] == pytest.approx(1000)
        assert numbers["makespan_s"] == pytest.approx(59e-3 + first)
    assert data["settings"]["arrivals"] == "1000/s"
    assert "arrivals" not in data["ratio"]


def test_more_than_is_served_is_saturated_and_said_so(few):
    """The baseline serves some 290,000 inputs per second, the chip some 4 million."""
    result = run(few, arrivals="poisson 1e6/s", timing_only=True)
    chip, baseline = (result.data[machine]["arrivals"] for machine in ("chip", "baseline"))
    assert (chip["saturated"], baseline["saturated"]) == (False, True)
    served = run(few, timing_only=True).data["baseline"]["throughput_inputs_per_s"]
    assert baseline["served_inputs_per_s"] == pytest.approx(served)
    text = printed(result)
    assert "Warning: edge_npu is offered 1,000,000 inputs/s and serves" in text
    assert "Warning: hermes64" not in text
    assert "Inputs offered 1,000,000 inputs/s 1,000,000 inputs/s" in text


def test_arrivals_change_no_value(few):
    at_rate, at_once = run(few, arrivals="poisson 2e6/s", programmings=1), run(few, programmings=1)
    assert at_rate.data["accuracy"] == at_once.data["accuracy"]
    assert at_once.data["chip"]["arrivals"] is None
    assert at_once.data["baseline"]["arrivals"] is None
    assert at_once.data["partial"] is None
    assert at_rate.data["chip"]["bytes_moved_per_input"] == at_once.data["chip"]["bytes_moved_per_input"]


def test_equal_seeds_give_equal_bytes_and_others_do_not(few):
    first, second, other = (
        run(few, arrivals="poisson 2e6/s", timing_only=True, seed=seed).data["chip"] for seed in (1, 1, 2)
    )
    assert first == second
    assert first["arrivals"] != other["arrivals"]


@pytest.mark.parametrize("batch", [3, 8])
def test_batches_come_together_at_the_same_rate_of_inputs(few, batch):
    data = run(few, arrivals="10000/s", batch=batch, timing_only=True).data
    last_batch = (60 - 1) // batch
    for machine in ("chip", "baseline"):
        numbers = data[machine]
        assert numbers["makespan_s"] == pytest.approx(last_batch * batch / 10_000, rel=0.01)
        assert numbers["arrivals"]["served_inputs_per_s"] == pytest.approx(10_000, rel=0.1)


def test_a_rate_that_makes_no_sense_is_refused_before_anything_is_read():
    with pytest.raises(InputError, match="arrivals 'often' are not a rate"):
        chipsim.run("no such chip", "no such network", arrivals="often")
