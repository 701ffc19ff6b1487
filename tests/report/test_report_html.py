import base64
import re
from html.parser import HTMLParser

import pytest
from made_up_run import write_run

from linksim.errors import InputError
from linksim.report import write_report
from linksim.report.view.scenario_summary import quantity, scenario_summary

# Few figures each, as drawing takes most of the time.
CURVES = {"snr": {"snr_db": (0.0, 10.0)}}
METRICS = ("nmse_db", "rho", "rate_bps_hz")
POINT: dict[str, dict[str, tuple[float, ...]]] = {"point": {}}
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}"


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.usefixtures("without_layout")
def test_the_page_refers_to_nothing_outside_itself(tmp_path):
    path = write_report(write_run(tmp_path, CURVES, metrics=METRICS))
    assert path == tmp_path / "report.html"
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    images = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4
    for image in images:
        kind, _, data = image.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
    links = [attributes["href"] or "" for tag, attributes in page.tags if tag == "a"]
    anchors = {attributes.get("id") for _, attributes in page.tags}
    assert links
    assert all(link.startswith("#") and link[1:] in anchors for link in links)
    assert not re.search(r"https?://|url\(|@import", re.sub(r"base64,[^\"]*", "", text))


def test_the_page_shows_values_bounds_and_how_to_redo_it(tmp_path):
    text = write_report(write_run(tmp_path, POINT)).read_text(encoding="utf-8")
    page = Page(text)
    for expected in ("made_up", "Three compressors.", "linksim run made_up.yaml", "perfect CSI", "8.312", "2180"):
        assert expected in page.text
    # The best compressor in bold, the uncompressed report out of the comparison.
    assert re.search(r'<td class="best">\N{MINUS SIGN}9.50 <small>&plusmn;0.25</small></td>', text)
    assert not re.search(r'class="best">8\.2', text)
    assert "&lt; \N{MINUS SIGN}90" in text


def test_hostile_text_is_shown_not_run(tmp_path):
    scenario = {"name": HOSTILE, "description": HOSTILE, "sweeps": {HOSTILE: {"snr_db": [0, 10]}}}
    names = ("identity", HOSTILE, "csinet")
    folder = write_run(tmp_path, {HOSTILE: {"snr_db": (0.0, 10.0)}}, scenario, names, ("nmse_db",))
    (folder / "manifest.json").write_text('{"command": "</pre><script>1</script>", "machine": {"cpu": "<b>"}}')
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert not any(tag in {"script", "b"} for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert HOSTILE in page.text


@pytest.mark.usefixtures("without_figures")
def test_a_run_without_scenario_and_manifest_still_has_a_page(tmp_path):
    folder = write_run(tmp_path, POINT)
    (folder / "scenario.yaml").unlink()
    (folder / "manifest.json").unlink()
    assert "not finished" in write_report(folder).read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_figures")
def test_complexity_is_shown_where_there_is_a_table(tmp_path):
    folder = write_run(tmp_path, POINT)
    columns = "compressor,ue_macs,bs_macs,ue_parameters,bs_parameters"
    (folder / "complexity.csv").write_text(f"{columns}\ncsinet,1089536,4370432,1049364,0\n")
    assert "1\N{NARROW NO-BREAK SPACE}089\N{NARROW NO-BREAK SPACE}536" in write_report(folder).read_text(
        encoding="utf-8"
    )
    (folder / "complexity.csv").write_text(f"{columns}\ncsinet,many,0,0,0\n")
    with pytest.raises(InputError, match=r"complexity\.csv: .*expected columns"):
        write_report(folder)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("carrier_hz", 28e9, "carrier 28 GHz"),
        ("delay_spread_s", 1e-7, "delay spread 100 ns"),
        ("speed_m_s", 0.83, "speed 0.83 m/s"),
        ("snr_db", [-10, 0, 10], "SNR \N{MINUS SIGN}10, 0, 10 dB"),
        ("feedback_delay_s", [0, 0.004], "feedback delay 0, 4 ms"),
        ("n_subcarriers", 256, "subcarriers 256"),
        ("normalised", True, "normalised yes"),
        ("n_values", list(range(20)), "values 0, 1, 2, ..., 19"),
    ],
)
def test_units_come_from_the_keys(key, value, words):
    assert quantity(key, value) == words


def test_the_scenario_in_words_names_every_step():
    words = dict(
        scenario_summary(
            {
                "channel": {"source": "cdl", "model": "C", "carrier_hz": 28e9},
                "compressors": [{"name": "csinet", "label": "CsiNet"}, {"name": "topk", "label": None}],
                "feedback": {"link": {"name": "awgn", "snr_db": 5}, "delay_s": 0.004},
                "sweeps": {"bits": {"feedback.quantiser.bits": [2, 4]}},
            }
        )
    )
    assert words == {
        "Channel": "cdl: model C, carrier 28 GHz",
        "Compressors": "CsiNet (csinet), topk",
        "Feedback link": "awgn: SNR 5 dB",
        "Feedback delay": "4 ms",
        "Sweep bits": "bits per value 2, 4",
    }


def test_a_link_budget_stands_in_place_of_the_snr():
    budget = {"transmit_power_dbm": 41.0, "noise_figure_db": 9.0, "geometry_db": [5.0, 6.0]}
    words = dict(scenario_summary({"snr_db": 10.0, "link_budget": budget}))
    assert words == {"Link budget": "transmit power 41 dBm, noise figure 9 dB, geometry 5, 6 dB"}
    assert dict(scenario_summary({"snr_db": 10.0, "link_budget": None})) == {"Downlink SNR": "10 dB"}
