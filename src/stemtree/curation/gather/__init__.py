"""From a library's listing to unpacked multitracks."""
