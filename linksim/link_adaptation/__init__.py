"""Link adaptation: modulation and coding of NR, block error rates, the UE's CQI, the BS's choice, throughput."""
