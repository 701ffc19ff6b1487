"""Everything that is learnt before a point is measured: fits, trained networks, teachers, adaptation."""
