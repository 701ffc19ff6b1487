"""Importing this module registers every channel source."""

from channels import sionna_source as sionna_source
