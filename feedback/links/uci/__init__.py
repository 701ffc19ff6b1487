"""Coded bits over the uplink (TS 38.212): CRC, channel code, report layout, erasures and undetected errors."""
