"""What is computed: networks read from ONNX, and a zoo of them."""
