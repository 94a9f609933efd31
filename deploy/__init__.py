"""What puts Tidegate on machines: images, their pinned packages, the compiled build, dashboards."""
