"""CSI codebooks of 3GPP TS 38.214, clause 5.2.2.2: selection at the UE, bits of the report, precoder at the BS."""
