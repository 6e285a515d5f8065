"""A page with Streamlit: a snapshot or a file in, the annotated picture and its bars out.

Install: pip install livefer streamlit
Run it as: streamlit run examples/streamlit_app.py --browser.gatherUsageStats false
"""

from __future__ import annotations

import streamlit as st

from livefer import LiveferError, Recognizer

recognizer = st.cache_resource(Recognizer)()  # one for all visitors

st.title("What does this face show?")
given = st.file_uploader("A picture", ["jpg", "jpeg", "png", "webp"])
if st.toggle("Use the camera"):
    given = st.camera_input("You")
if given is not None:
    try:
        (result,) = recognizer.stream(given)
    except LiveferError as error:
        st.error(str(error))
    else:
        st.image(result._repr_png_(), caption=f"Faces: {len(result.faces)}")
        for face in result.faces:
            st.subheader(f"{face.answer} {face.confidence:.0%}")
            st.bar_chart({name: face[name] for name in face.classes}, horizontal=True)
