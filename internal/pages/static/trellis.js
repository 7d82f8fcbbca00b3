// What makes pages smoother.
