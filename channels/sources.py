"""Importing this module registers every channel source."""

from channels import cost2100 as cost2100
from channels import dataset_source as dataset_source
from channels import deepmimo_source as deepmimo_source
from channels import hdf5_source as hdf5_source
from channels import mat_source as mat_source
from channels import mixture_source as mixture_source
from channels import quadriga_source as quadriga_source
from channels import response_source as response_source
from channels import sionna_source as sionna_source
