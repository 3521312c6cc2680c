# `cmake --workflow --preset deb` makes a Debian package of what `cmake --install` puts in place.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME defused)
set(CPACK_PACKAGE_CONTACT "defused developers <defused@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "gate for releases of image classifiers")
set(CPACK_PACKAGE_DESCRIPTION "A service that watches a registry of models. For each new version it looks for
the images on which the version fails, also images that no test set holds,
compares what it finds with the version in production, and answers a pipeline:
pass, fail, inconclusive, or error. It shows people which images a release
breaks.
.
Models are TorchScript files. They are run by a process of its own, which
gives up sockets, new processes and other files before it loads one.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Without an optimised BLAS every gate takes some 40 times as long, so this is not a recommendation. systemd makes the user and the
# folders, and runs the service.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libopenblas0-pthread, systemd")
# An upgrade asks before it replaces a configuration that somebody changed. The scripts make the user, start and stop the service.
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/systemd/debian/conffiles
    ${PROJECT_SOURCE_DIR}/systemd/debian/postinst ${PROJECT_SOURCE_DIR}/systemd/debian/prerm ${PROJECT_SOURCE_DIR}/systemd/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
