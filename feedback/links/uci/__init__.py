"""Coded bits over the uplink: a report's layout, its channel code, and what of it arrives."""

from feedback.links.uci.link import Uci as Uci
