"""Hard visibility with exchangeable back ends, and simple shading."""
