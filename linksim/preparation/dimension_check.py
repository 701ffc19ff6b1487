"""Do the parts of a scenario fit each other? Found out before the first channel is made."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from channels.dimensions import Snapshots
from channels.errors import ChannelInputError
from channels.estimator_parameters import ESTIMATORS
from channels.transforms.sizes import HF_POINTS, check_truncation
from feedback.errors import FeedbackInputError
from feedback.plugin_file import PluginParameters, own_parameters
from linksim.errors import InputError
from linksim.metrics.multi_user import MULTI_USER_METRICS
from linksim.precoding import PRECODERS
from linksim.preparation.scheme_spec import SchemeSpec, is_trained, schemes_of
from linksim.preparation.teacher import teacher_of
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import csi_dimensions, outline_of, require_training_channels, split_hint
from linksim.scenario.sweep import Point
from linksim.subbands import subbands


def none_takes_part() -> InputError:
    """What is wrong with a scenario whose compressors all sit out."""
    return InputError(
        "compressors: got none that takes part at any point, expected a compression ratio of the points among the "
        "only_ratios of one"
    )


def check_points(points: Sequence[Point], *, to_be_tested: bool = True) -> None:
    """Checks every transform, estimator and compressor of a scenario once, and finds every teacher.

    A compressor of the user's own is built and also gets a few channels, so that wrong shapes show.

    Args:
        points: what is run or trained.
        to_be_tested: whether there must be as many test channels as the points take.

    Raises:
        ChannelInputError: if a file of channels cannot be read.
        InputError: if there is no such device, a transform or estimator does not fit the channel, a compression ratio
            gives no codeword, a user's own compressor breaks its contract, a teacher is no network, UEs stand still for
            a network that learns over time, there are fewer test channels, delay rows or UE antennas than wanted, or
            nothing to learn from.
    """
    if to_be_tested and not any(schemes_of(point) for point in points):
        raise none_takes_part()
    checked: set[object] = set()
    for point in points:
        scenario = point.scenario
        if scenario.device == "cuda":
            _check_device(scenario)
        source = outline_of(scenario)
        rows = source.stored_delays()
        if rows is not None and rows < scenario.transform.n_delay:
            raise InputError(
                f"transform.n_delay: got {scenario.transform.n_delay}, expected at most the {rows} delay rows that "
                "the channels are stored with"
            )
        front_end = (scenario.channel, scenario.transform.n_delay, scenario.estimation)
        if front_end not in checked:
            with _told_of("transform"):
                check_truncation(source.grid, source.array, scenario.transform.n_delay)
            with _told_of("estimation"):
                if not scenario.estimation.check(source.grid, source.array):
                    ESTIMATORS.get_class(scenario.estimation.name)(scenario.estimation, source.grid, source.array)
            require_training_channels(scenario)
        _check_rank("link_adaptation.rank", scenario.link_adaptation.rank, source.array.n_rx)
        for spec in schemes_of(point):
            asked = _what_decides(spec)
            if asked not in checked:
                try:
                    _check_compressor(spec)
                    _check_recipe(spec)
                except FeedbackInputError as error:
                    raise InputError(f"compressors: {spec.label}: {error}") from None
                teacher_of(spec)
                _require_motion(spec)
                if spec.needs_training_channels and outline_of(spec.scenario).n_samples("train") == 0:
                    raise InputError(
                        f"compressors: {spec.label}: got no train channels, expected some: it has to learn"
                        f"{split_hint(spec.scenario.channel, 'train')}"
                    )
            checked.add(asked)
        checked.add(front_end)
        _check_figures(scenario, source.grid.n_subcarriers)
        if not MULTI_USER_METRICS.isdisjoint(scenario.metrics):
            scenario.multi_user.check(source.array.n_tx, scenario.monte_carlo.samples)
        if scenario.reference_curves and source.n_samples("train") == 0:
            raise InputError(
                f"reference_curves: got {scenario.reference_curves[0]} and no train channels, expected some: it comes "
                f"from their covariance{split_hint(scenario.channel, 'train')}"
            )
        available, wanted = source.n_samples("test"), scenario.monte_carlo.samples
        if to_be_tested and available is not None and available < wanted:
            raise InputError(
                f"monte_carlo.samples: got {wanted}, expected at most the {available} test channels there are"
                f"{split_hint(scenario.channel, 'test')}"
            )
        # A generator has channels at any time.
        if to_be_tested and available and scenario.channel.outline() is None:
            from linksim.chain.report_times import ReportTimes

            snapshots = ReportTimes.of_point(scenario).snapshots
            motion = (scenario.channel, snapshots)
            if snapshots.n > 1 and motion not in checked:
                _check_motion(scenario, snapshots)
            checked.add(motion)


@contextmanager
def _told_of(keys: str) -> Iterator[None]:
    """Errors of channels, which know nothing of scenarios, with the keys of the scenario that they are about."""
    try:
        yield
    except ChannelInputError as error:
        raise InputError(f"{keys}: {error}") from None


def _check_motion(scenario: Scenario, snapshots: Snapshots) -> None:
    """Reads a test channel of a file as it is, then at the times of reports and of their use."""
    from linksim.scenario.sources import source_of

    source = source_of(scenario)
    source.read("test", 0, 1, Snapshots())
    with _told_of("feedback.delay_s, feedback.report_period_s, feedback.n_reports"):
        source.read("test", 0, 1, snapshots)


def _what_decides(spec: SchemeSpec) -> tuple[object, ...]:
    """What says whether a compressor can be built and has something to learn from."""
    scenario = spec.scenario
    sizes = (scenario.channel, scenario.transform.n_delay, scenario.sgcs, scenario.feedback.report_period_s)
    recipe = scenario.training.recipe and scenario.training.recipe.model_dump_json()
    return spec.parameters.model_dump_json(), *sizes, spec.needs_training_channels, recipe


def _check_rank(key: str, asked: object, n_rx: int) -> None:
    """Passes ranks that a UE has the antennas for; `auto` and none are as many as it has."""
    ranks = asked if isinstance(asked, tuple) else (asked,)
    most = max((rank for rank in ranks if isinstance(rank, int)), default=1)
    if most > n_rx:
        raise InputError(f"{key}: got {most}, expected at most {n_rx}, the antennas of a UE (`channel.n_rx`)")


def _require_motion(spec: SchemeSpec) -> None:
    """Refuses a scenario whose UEs report once, or stand still, for a network that learns from what changes."""
    if not (spec.parameters.traits.learns_over_time and spec.needs_training_channels):
        return
    scenario = spec.scenario
    reason = f"{spec.label} learns from what changes from report to report"
    if scenario.feedback.report_period_s == 0:
        raise InputError(f"feedback.report_period_s: got 0, expected the time from report to report in s: {reason}")
    if getattr(scenario.channel, "speed_m_s", 1.0) == 0 and not getattr(scenario.channel, "indoor_speed_m_s", None):
        raise InputError(f"channel.speed_m_s: got 0, expected a speed in m/s: {reason}")


def _check_recipe(spec: SchemeSpec) -> None:
    """Whether the keys of recipes go with what is below them, which only the network itself knows."""
    sections = spec.scenario.training.recipe, getattr(own_parameters(spec.parameters), "recipe", None)
    if is_trained(spec) and any(section is not None and section.may_clash for section in sections):
        from linksim.preparation.network_training import recipe_of

        recipe_of(spec)


def _check_device(scenario: Scenario) -> None:
    from linksim.scenario.sources import device_of

    device_of(scenario)


def _check_compressor(spec: SchemeSpec) -> None:
    """Whether it can be built: as its parameters say, or by trying."""
    n_rx = outline_of(spec.scenario).array.n_rx
    for key in ("rank", "allowed_ranks"):
        _check_rank(f"compressors: {spec.label}: {key}", getattr(spec.parameters, key, None), n_rx)
    known = not isinstance(spec.parameters, PluginParameters) and spec.parameters.weights_of_others is None
    if known and spec.parameters.check(csi_dimensions(spec.scenario)):
        return
    from feedback.conformance.plugin_check import check_plugin_shapes
    from feedback.neural import NeuralCompressor

    compressor = spec.build().compressor
    if isinstance(compressor, NeuralCompressor) and spec.parameters.weights_of_others is not None:
        compressor.take_weights_of_others()
    if isinstance(spec.parameters, PluginParameters):
        check_plugin_shapes(compressor, spec.parameters.plugin)


def check_channels(points: Sequence[Point]) -> None:
    """Reads every file of channels once, so that NaN and damage show wherever they are.

    Raises:
        ChannelInputError: for the first such sample.
    """
    drawn = (outline_of(point.scenario) for point in points)
    for source in {id(source): source for source in drawn}.values():
        source.check_samples()


def _check_figures(scenario: Scenario, n_subcarriers: int) -> None:
    """What only the last stages ask of the band, which come after training."""
    PRECODERS.get_class(scenario.precoder.name)(scenario.precoder).check(n_subcarriers)
    if "sgcs" in scenario.metrics:
        subbands(n_subcarriers, scenario.sgcs.n_subbands, "sgcs.n_subbands")
    if "rho_hf_all" in scenario.metrics and scenario.transform.n_delay > HF_POINTS:
        raise InputError(
            f"transform.n_delay: got {scenario.transform.n_delay}, expected at most {HF_POINTS} (points of HF_all) "
            "with the metric rho_hf_all"
        )
